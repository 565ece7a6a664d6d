//! Runs what is not trusted: plugins in wasmtime sandboxes, native tools under a typed policy.
//!
//! Only this crate names wasmtime. Plugins meet the host in `imports/`; every grant is checked there, below all contract versions.

mod attempt;
mod call;
mod connection;
mod contract;
mod database;
mod egress;
mod engine;
mod grants;
mod imports;
mod limits;
mod load;
mod log;
mod method;
mod runtime;
mod source;
mod stand_in;
mod state;
mod storage;
mod stream;
mod tools;
mod wasi;

pub use attempt::{
    ArtifactReader, ArtifactWriter, Attempt, Level, Observer, Replacing, ServerControl, ServerStatus, Written,
};
pub use connection::{Connection, HttpAccess, SignIn};
pub use database::{Presence, Rows};
pub use egress::EgressConfig;
pub use limits::Limits;
pub use method::{
    BackupRequest, CheckRequest, Finding, Link, MethodPlugin, Object, RestoreRequest, Restored, Service, Severity, Stop,
};
pub use runtime::{
    AskedGrant, ChainKind, PluginInfo, PluginKind, PluginSettings, RefusedPlugin, Runtime, RuntimeConfig,
};
pub use source::{ByteSource, Completion};
pub use stand_in::{BucketStandIn, MethodStandIn, StandIns, StorageStandIn};
pub use storage::{Bucket, ByteRange, Entry, Page, StorageConfig, StoragePlugin, Upload};
pub use tools::{
    Exit, LAUNCH_COMMAND, Process, ServerKeys, ThrowAwayServer, ThrowAwayServerOptions, ToolScope, ToolSet,
    launcher_main,
};
