//! The prelude of storage plugins: `use bulkhead_plugin_sdk::storage::*`.

mod adapter;
mod description;
mod key;
mod plugin;

pub use adapter::{Adapter, OpenBucket};
pub use key::{check_key, check_prefix};
pub use plugin::{Bucket, StoragePlugin};

pub use crate::bindings::storage::exports::bulkhead::storage::storage::{
    ByteRange, Description, Entry, Page, PutOptions,
};
pub use crate::{Failure, FailureKind, Result, debug, error, info, log, register_storage, warn};
pub use description::parse;

/// Runs a task beside the export that is being served. It may outlive the export's return, for instance to feed a source.
pub fn spawn(task: impl Future<Output = ()> + 'static) {
    wit_bindgen::spawn_local(task);
}

/// Lets other tasks of this plugin run.
pub async fn yield_now() {
    wit_bindgen::yield_async().await;
}

crate::pipe::pipe!(crate::bindings::storage);
