//! Runs what is not trusted: plugins in wasmtime sandboxes, native tools under a typed policy.
//!
//! Only this crate names wasmtime. Plugins meet the host in `imports/`; every grant is checked there, below all contract versions.

mod attempt;
mod connection;
mod source;

pub use connection::Connection;
pub use attempt::{ArtifactReader, ArtifactWriter, Attempt, Level, Observer, ServerControl, ServerStatus, Written};
pub use source::{ByteSource, Completion};
