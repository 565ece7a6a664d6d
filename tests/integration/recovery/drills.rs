//! What only a restore can find out.
