//! The verbs of Bulkhead: backup, restore, verify, expire; and the dispatcher that decides which of them runs now.

mod config;
mod dispatcher;
mod engine;
mod executor;
pub mod failpoint;
mod observer;
pub mod pipeline;
mod request;
mod retention;
pub mod swap;
mod sweep;
mod target;
mod verb;

pub use bulkhead_runtime::PluginInfo;
pub use config::{EncryptionConfig, EngineConfig, EngineLimits, ServiceConfig, TargetConfig};
pub use engine::{Engine, SERVICES_HINT};
pub use request::{CreateBackup, CreateRestore};
