//! What a tool may be asked to do.
