//! What callers ask of the engine.

use std::time::Duration;

use bulkhead_catalog::Idempotency;
use bulkhead_model::{
    Expression, Method, Misfire, NameTemplate, NoticeEvent, RetentionPolicy, ServiceId, TargetId, Zone,
};

/// Make a backup now.
#[derive(Clone, Debug)]
pub struct CreateBackup {
    /// Of which service.
    pub service: ServiceId,
    /// By which method.
    pub method: Method,
    /// The name a person gives it.
    pub name: Option<String>,
    /// Once it has succeeded, keep these backups of its service and method; `None` takes the service's own retention.
    pub retention: Option<RetentionPolicy>,
    /// Where to; `None` takes the default target.
    pub target: Option<TargetId>,
    /// Asked for again under the same key, the first answer counts.
    pub idempotency: Option<Idempotency>,
}

/// Make backups again and again.
#[derive(Clone, Debug)]
pub struct CreateSchedule {
    /// Of which service.
    pub service: ServiceId,
    /// By which method.
    pub method: Method,
    /// When.
    pub expression: Expression,
    /// In the local time of which zone; the retention's days are those of this zone too.
    pub zone: Zone,
    /// Whether it fires.
    pub enabled: bool,
    /// What becomes of a run that came too late.
    pub misfire: Misfire,
    /// How late a run may be made up for.
    pub misfire_grace: Duration,
    /// Spreads the runs over this time after they are due.
    pub jitter: Duration,
    /// Which of its backups are kept; `None` takes the service's own retention.
    pub retention: Option<RetentionPolicy>,
    /// How its backups are named.
    pub name: Option<NameTemplate>,
    /// Where to; `None` takes the default target.
    pub target: Option<TargetId>,
    /// Asked for again under the same key, the first answer counts.
    pub idempotency: Option<Idempotency>,
}

/// Change a recurring schedule; `None` leaves what is there.
#[derive(Clone, Debug, Default)]
pub struct UpdateSchedule {
    /// When.
    pub expression: Option<Expression>,
    /// In which zone.
    pub zone: Option<Zone>,
    /// Whether it fires.
    pub enabled: Option<bool>,
    /// What becomes of a run that came too late.
    pub misfire: Option<Misfire>,
    /// How late a run may be made up for.
    pub misfire_grace: Option<Duration>,
    /// Spreads the runs.
    pub jitter: Option<Duration>,
    /// Which of its backups are kept; `Some(None)` goes back to the service's own retention.
    pub retention: Option<Option<RetentionPolicy>>,
    /// How its backups are named; `Some(None)` leaves them without a name.
    pub name: Option<Option<NameTemplate>>,
    /// Where to.
    pub target: Option<TargetId>,
}

/// Restore a backup.
#[derive(Clone, Debug)]
pub struct CreateRestore {
    /// The service that is restored; not necessarily the one that was backed up.
    pub service: ServiceId,
    /// Id, unique prefix of it, or name of the backup.
    pub backup: String,
    /// Asked for again under the same key, the first answer counts.
    pub idempotency: Option<Idempotency>,
}

/// Tell somebody what happens.
#[derive(Clone, Debug)]
pub struct CreateWebhook {
    /// `https://...`, or `http://...`.
    pub url: String,
    /// What is told.
    pub events: Vec<NoticeEvent>,
    /// Whether anything is told.
    pub enabled: bool,
}

/// Change a webhook; `None` leaves what is there.
#[derive(Clone, Debug, Default)]
pub struct UpdateWebhook {
    /// Where to.
    pub url: Option<String>,
    /// What is told.
    pub events: Option<Vec<NoticeEvent>>,
    /// Whether anything is told.
    pub enabled: Option<bool>,
    /// Makes a new secret; the old one no longer signs anything.
    pub rotate_secret: bool,
}
