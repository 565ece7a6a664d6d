//! What callers ask of the engine.

use std::time::Duration;

use bulkhead_catalog::{Idempotency, Job, Restore};
use bulkhead_model::recovery::{RecoveryPlan, Until};
use bulkhead_model::{
    BackupId, Expression, Failure, JobId, Method, Misfire, NameTemplate, NoticeEvent, Result, RetentionPolicy,
    ServiceId, TargetId, Zone,
};
use serde::{Deserialize, Serialize};

use crate::config::SecretText;
use crate::target::ExternalBucket;

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
    /// A bucket of one's own to put it in, instead of a target.
    pub external: Option<ExternalBucket>,
    /// Where to besides, in the same stream.
    pub copies: Vec<TargetId>,
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
    /// A bucket of one's own to put it in, instead of a target.
    pub external: Option<ExternalBucket>,
    /// Where to besides, in the same stream.
    pub copies: Vec<TargetId>,
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
    /// Where to besides.
    pub copies: Option<Vec<TargetId>>,
}

/// Restore a backup, or a moment.
#[derive(Clone, Debug)]
pub struct CreateRestore {
    /// The service that is restored; not necessarily the one that was backed up.
    pub service: ServiceId,
    /// What is restored.
    pub from: RestoreFrom,
    /// Where to stop; `None` restores all that the backup holds.
    pub until: Option<Until>,
    /// Only a part, into the running service; `None` replaces everything.
    pub only: Option<Partial>,
    /// Back up the service as it is now, before anything else.
    pub safety_backup: bool,
    /// Asked for again under the same key, the first answer counts.
    pub idempotency: Option<Idempotency>,
}

/// What a restore begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RestoreFrom {
    /// Id, unique prefix of it, or name of a backup.
    Backup(String),
    /// Whatever backups and logs of this service lead to the moment asked for.
    Service(ServiceId),
    /// A file that Bulkhead has not made.
    File(Box<ExternalFile>),
}

/// A file that Bulkhead has not made, in a bucket of somebody's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalFile {
    /// The bucket, opened by its own credentials.
    pub bucket: ExternalBucket,
    /// The bucket as it was asked for: `s3://...`.
    pub address: String,
    /// The file in it, with or without a slash before it.
    pub key: String,
    /// By what it was made.
    pub method: FileMethod,
    /// What it is encrypted with.
    pub encryption_key: Option<SecretText>,
    /// Whether databases of the service may go that a dump of the whole server does not hold.
    pub drop_databases: bool,
}

/// By what a file was made, in SkySQL's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileMethod {
    /// `mariadb-backup`: the data files.
    Mariabackup,
    /// `mariadb-dump`: SQL.
    Mysqldump,
}

impl FileMethod {
    /// The word that requests and the catalog have.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mariabackup => "mariabackup",
            Self::Mysqldump => "mysqldump",
        }
    }

    /// Reads the word, or the name of the tool.
    ///
    /// # Errors
    /// `invalid` for another one.
    pub fn parse(text: &str) -> Result<Self> {
        match text {
            "mariabackup" | "mariadb-backup" => Ok(Self::Mariabackup),
            "mysqldump" | "mariadb-dump" => Ok(Self::Mysqldump),
            other => Err(Failure::invalid(format!("`{}` is no way to read a backup", other.escape_debug()))
                .with_hint("use mariabackup or mysqldump")),
        }
    }
}

/// A part of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partial {
    /// The database.
    pub database: String,
    /// One table of it; `None` is all of the database.
    pub table: Option<String>,
    /// The database to restore it as; `None` keeps the name.
    pub as_database: Option<String>,
    /// The table to restore it as; `None` keeps the name.
    pub as_table: Option<String>,
}

/// What a restore would do.
#[derive(Clone, Debug)]
pub struct RestorePreview {
    /// What is restored in which order.
    pub plan: RecoveryPlan,
    /// Each of its backups: method, plain and stored bytes.
    pub backups: Vec<(BackupId, Method, u64, u64)>,
    /// Bytes that have to be free, about.
    pub disk_needed: u64,
    /// Bytes that are free there, if this host can tell.
    pub disk_free: Option<u64>,
    /// What to expect of the service meanwhile, in a sentence.
    pub downtime: String,
    /// Whether the whole data of the service is replaced.
    pub in_place: bool,
    /// What to look at before.
    pub warnings: Vec<String>,
}

/// How deep a verify goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VerifyLevel {
    /// The stored bytes are those of the manifest.
    Stored,
    /// Besides, they decrypt and decompress to what the method wrote.
    #[default]
    Content,
    /// It restores into a throw-away server, and that holds what was backed up.
    Drill,
}

impl VerifyLevel {
    /// The word that the catalog keeps.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Content => "content",
            Self::Drill => "drill",
        }
    }
}

/// A restore as it waits to be done.
#[derive(Clone, Debug)]
pub(crate) struct RestoreOrder {
    /// What is restored in which order.
    pub plan: RecoveryPlan,
    /// Only a part.
    pub only: Option<Partial>,
    /// The job that backs up the service first.
    pub safety_backup: Option<JobId>,
}

/// What the job of a restore keeps of it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct RestoreRequestBody {
    /// Only a part.
    pub only: Option<Partial>,
    /// The job that backs up the service first.
    pub safety_backup: Option<JobId>,
    /// Whether databases of the service may go that a dump of the whole server does not hold.
    pub drop_databases: bool,
}

/// Empty a service.
#[derive(Clone, Debug)]
pub struct CreateReset {
    /// Which.
    pub service: ServiceId,
    /// Back it up as it is now, before anything else.
    pub safety_backup: bool,
    /// Asked for again under the same key, the first answer counts.
    pub idempotency: Option<Idempotency>,
}

/// What the job of a reset keeps of it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ResetRequestBody {
    /// The job that backs up the service first.
    pub safety_backup: Option<JobId>,
}

impl RestoreOrder {
    /// From what the catalog keeps.
    ///
    /// # Errors
    /// `internal` for what no host has written.
    pub fn new(restore: &Restore, job: &Job) -> Result<Self> {
        let unread =
            |error: serde_json::Error| Failure::internal(format!("the request of job {} is not read: {error}", job.id));
        let plan = match &restore.plan {
            Some(plan) => serde_json::from_value(plan.clone()).map_err(unread)?,
            None => RecoveryPlan {
                chain: vec![restore.backup.clone()],
                logs: Vec::new(),
                until: None,
                at: restore.created_at,
                why: String::new(),
            },
        };
        let body: Option<RestoreRequestBody> = serde_json::from_value(job.request.clone()).map_err(unread)?;
        let RestoreRequestBody { only, safety_backup, .. } = body.unwrap_or_default();
        Ok(Self { plan, only, safety_backup })
    }
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
