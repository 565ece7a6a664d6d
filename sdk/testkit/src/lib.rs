//! Conformance suites for plugins: what the contracts ask, as tests that a plugin passes or fails.
//!
//! A storage plugin's author writes one test:
//!
//! ```no_run
//! # use bulkhead_testkit::{Directory, storage_conformance, storage_plugin};
//! # async fn test() {
//! let plugin = storage_plugin("target/wasm32-wasip2/release/my_storage.wasm").await;
//! storage_conformance(|| Directory::open(&plugin)).await;
//! # }
//! ```
//!
//! and a method plugin's author:
//!
//! ```no_run
//! # use bulkhead_testkit::{method_conformance, method_plugin};
//! # async fn test() {
//! let plugin = method_plugin("target/wasm32-wasip2/release/my_method.wasm").await;
//! method_conformance(&plugin).await;
//! # }
//! ```
//!
//! The suites run the component in the host's own sandbox, with everything granted that it asks for. They panic at the first rule that
//! is broken, and the message names the rule.
#![warn(missing_docs)]

mod bytes;
mod load;
mod method;
mod storage;

pub use load::{method_plugin, storage_plugin};
pub use method::{Cycle, method_conformance};
pub use storage::{Directory, Target, storage_conformance, storage_conformance_without_conditions};
