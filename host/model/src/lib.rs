//! The words of Bulkhead as types: ids, time, states with their legal predecessors, failures, the manifest.
//!
//! No I/O happens here. `docs/glossary.md` explains the words.
#![warn(missing_docs)]

mod address;
mod clock;
mod digest;
mod failure;
pub mod gtid;
mod hidden;
mod id;
mod job;
mod local_time;
mod manifest;
mod method;
mod nearest;
mod notice;
pub mod recovery;
mod report;
pub mod retention;
mod role;
pub mod schedule;

pub use address::is_public_address;
pub use clock::{Clock, SystemClock, TestClock, Timestamp};
pub use digest::Digest;
pub use failure::{Failure, FailureKind, Result};
pub use hidden::is_hidden;
pub use id::{
    ApiKeyId, AttemptId, AuditId, BackupId, DeliveryId, InvalidId, JobId, OrganizationId, RestoreId, ScheduleId,
    ServiceId, TargetId, WebhookId, repeat_ids,
};
pub use job::{AttemptState, BackupState, JobKind, JobState};
pub use local_time::LocalTime;
pub use manifest::{Codec, Encryption, MANIFEST_NAME, MANIFEST_VERSION, Manifest, ManifestObject, ManifestPlugin};
pub use method::Method;
pub use nearest::nearest;
pub use notice::NoticeEvent;
pub use report::Report;
pub use retention::{
    Candidate, LogKeepers, Reason, Removal, RetentionPolicy, SETTLED, Verdict, hold_all, hold_most, is_shown,
    plan as retention_plan, plan_logs,
};
pub use role::Role;
pub use schedule::{BackupName, Expression, Misfire, NameTemplate, Zone, jitter_delay};
