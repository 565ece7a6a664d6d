//! The verbs of Bulkhead: backup, restore, verify, expire; the dispatcher that decides which of them runs now; and what runs without
//! being asked: schedules, retention, the sweep, notices.

mod automatic;
mod config;
mod dispatcher;
mod drills;
mod engine;
mod executor;
pub mod failpoint;
mod front_door;
mod history;
mod housekeeping;
mod inspect;
mod keeper;
mod measure;
mod migrations;
mod observer;
pub mod pipeline;
mod request;
mod reseal;
mod retention;
#[cfg(test)]
mod scene;
mod scheduler;
mod seal;
#[cfg(test)]
mod simulation;
mod sql_client;
mod staleness;
mod steady;
pub mod swap;
mod sweep;
mod target;
mod twin;
mod verb;
mod webhook;

pub use bulkhead_catalog::Closed;
pub use bulkhead_runtime::PluginInfo;
pub use config::{
    AutomaticConfig, DrillConfig, EncryptTo, EncryptionConfig, EngineConfig, EngineLimits, HousekeepingConfig,
    JobLimits, MasterKeySource, SecretText, ServiceConfig, ServiceScope, TargetConfig, WebhookConfig,
};
pub use engine::{Binding, Engine, SERVICES_HINT};
pub use front_door::{FrontDoor, FrontDoors};
pub use inspect::{Discrepancy, DiscrepancyKind, Inspect, InspectSide, Inspection};
pub use measure::describe_metrics;
pub use request::{
    CreateBackup, CreateReset, CreateRestore, CreateSchedule, CreateWebhook, ExternalFile, FileMethod, Partial,
    RestoreFrom, RestorePreview, UpdateSchedule, UpdateWebhook, VerifyLevel,
};
pub use retention::{PlannedBackup, PolicySource, RetentionPlan};
pub use target::{
    CreateTarget, ExternalBucket, GivenCredentials, KnownTarget, ProbeState, ProbeStep, TargetProbe, UpdateTarget,
    operators_credentials, probe_target,
};
pub use twin::settings_beyond;
