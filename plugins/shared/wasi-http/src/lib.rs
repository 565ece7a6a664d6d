//! Requests of components over `wasi:http` 0.3, in the types of the crate `http`.
//!
//! To whom a component may speak is decided by the host: a storage plugin speaks to its target's endpoints, a method plugin with the
//! grant `service` to `http://service.internal`.
#![warn(missing_docs)]

mod bindings;
mod body;
mod send;

pub use bindings::ErrorCode;
pub use body::Body;
pub use send::{Patience, send};
