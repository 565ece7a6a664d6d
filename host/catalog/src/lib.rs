//! The catalog: schedules, jobs, attempts, backups and restores, on SQLite or PostgreSQL.
//!
//! Only this crate names sqlx. One file a noun, its queries beside its row type; every operation is a method of
//! [`Catalog`]. A state changes only from its legal predecessors, which stand in the UPDATE's WHERE; what an attempt
//! reports counts only while it holds its lease.

mod api_key;
mod attempt;
mod audit;
mod backup;
mod catalog;
mod closed;
mod count;
mod event;
mod fields;
mod forget;
mod history;
mod idempotency;
mod job;
mod limit;
mod list;
mod member;
mod migration;
mod notice;
mod page;
mod rehearsal;
mod restore;
mod schedule;
mod sealed;
mod session;
mod target;
mod webhook;

pub use api_key::{ApiKey, NewApiKey};
pub use attempt::{Attempt, Completed, Heartbeat, Lease, Progress};
pub use audit::{AuditEntry, AuditFilter, NewAudit};
pub use backup::{
    Backup, BackupCopy, BackupFilter, CopyOutcome, CopyState, FoundBackup, Keeper, KnownBackup, NewBackup, NewCopy,
    Retained, RetainedBackup,
};
pub use catalog::Catalog;
pub use closed::Closed;
pub use event::JobEvent;
pub use history::{FailedInARow, HistoryRow, HistoryRows};
pub use idempotency::{Idempotency, Made};
pub use job::{Job, JobFilter, NewJob, NewReset, Queue};
pub use limit::Scope;
pub use member::{Member, NewMember};
pub use page::Page;
pub use rehearsal::{Call, Later, Line, Seen};
pub use restore::{NewExternalRestore, NewRestore, Restore, RestoreFilter, RestoreSource};
pub use schedule::{FireOutcome, Fired, Mended, NewSchedule, Schedule, ScheduleChange, ScheduleFilter, ScheduleOrigin};
pub use sealed::{SealedNoun, SealedRow};
pub use target::{NewTarget, Target, TargetChange, TargetOrigin, TargetTest};
pub use webhook::{Delivery, DeliveryRecord, DeliveryState, NewWebhook, Sealed, Webhook, WebhookChange};
