//! Empty: what counts is in `Cargo.toml`.
