//! Guests that misbehave, one behaviour a file under `examples/`, built as components. They exist to be contained.
//!
//! A method guest named `does_this` describes itself as plugin `does-this`, method `does-this`, engine `mariadb`. What it is caught at
//! ends in a failure; a guest that gets away with it returns success.

mod files;
pub mod web;

pub use files::Files;
