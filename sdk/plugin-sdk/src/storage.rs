//! The prelude of storage plugins: `use bulkhead_plugin_sdk::storage::*`.

mod adapter;
mod description;
mod key;
mod plugin;

pub use adapter::{Adapter, OpenBucket};
pub use key::{check_key, check_prefix};
pub use plugin::{Bucket, StoragePlugin};

pub use crate::bindings::storage::exports::bulkhead::storage::storage::{
    ByteRange, Description, Entry, Page, PutOptions, Upload,
};
pub use crate::{Failure, FailureKind, Result, debug, error, info, log, register_storage, warn};
pub use description::parse;

/// Runs a task beside the export that is being served. It may outlive the export's return, for instance to feed a source.
pub fn spawn(task: impl Future<Output = ()> + 'static) {
    wit_bindgen::spawn_local(task);
}

/// Waits; other tasks of this plugin run meanwhile.
pub async fn sleep(time: std::time::Duration) {
    let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    crate::bindings::clock::wasi::clocks::monotonic_clock::wait_for(nanoseconds).await;
}

/// Lets other tasks of this plugin run.
pub async fn yield_now() {
    wit_bindgen::yield_async().await;
}

crate::pipe::pipe!(crate::bindings::storage);
