//! The prelude of method plugins: `use bulkhead_plugin_sdk::method::*`.

mod adapter;
pub mod artifacts;
pub mod database;
mod description;
mod plugin;
pub mod progress;
pub mod scratch;
mod series;
pub mod server;
pub mod service;
pub mod tools;

pub use adapter::Adapter;
pub use artifacts::{Object, Reader, Writer, Written};
pub use description::parse;
pub use plugin::MethodPlugin;
pub use series::Series;

pub use crate::bindings::method::exports::bulkhead::method::method::{
    BackupRequest, ChainKind, CheckRequest, Description, Finding, Link, Report, RestoreRequest, Restored, Service,
    Severity, Stop,
};
pub use crate::{Failure, FailureKind, Result, debug, error, info, log, register_method, warn};

/// Runs a task beside the export that is being served. It may outlive the export's return, for instance to feed a source.
pub fn spawn(task: impl Future<Output = ()> + 'static) {
    wit_bindgen::spawn_local(task);
}

/// Lets other tasks of this plugin run.
pub async fn yield_now() {
    wit_bindgen::yield_async().await;
}

/// Waits; other tasks of this plugin run meanwhile.
pub async fn sleep(time: std::time::Duration) {
    let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    crate::bindings::clock::wasi::clocks::monotonic_clock::wait_for(nanoseconds).await;
}

crate::pipe::pipe!(crate::bindings::method);
