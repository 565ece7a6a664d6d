//! What a plugin author depends on.
//!
//! A method plugin implements [`method::MethodPlugin`] and calls [`register_method!`]; a storage plugin implements
//! [`storage::StoragePlugin`] and [`storage::Bucket`] and calls [`register_storage!`]. The two modules are preludes: take all of one
//! of them. `examples/minimal-method` and `examples/minimal-storage` fit on a screen each.
//!
//! Build with `cargo build --target wasm32-wasip2` as a `cdylib`; the outcome is a component.
//!
//! Three rules carry most of the weight:
//! - Returning success means that what was asked is done and durable. On an error or a panic nothing counts as kept.
//! - A stream has no error of its own: bytes are complete only when the word beside them says so. [`Chunks::finish`](method::Chunks)
//!   and `read_all` do that; a source that is passed on untouched carries its word with it.
//! - Every failure says whether another try may help, with [`Failure::with_retry`].
#![warn(missing_docs)]

#[doc(hidden)]
pub mod bindings;
mod failure;
pub mod log;
pub mod method;
mod pipe;
pub mod storage;

pub use failure::{Failure, FailureKind, Result};
