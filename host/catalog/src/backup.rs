//! Backups: the catalogued results.

mod list;
mod resolve;

use bulkhead_model::{
    BackupId, BackupState, Digest, Failure, JobId, JobKind, JobState, Method, OrganizationId, Report, Result,
    ScheduleId, ServiceId, TargetId, Timestamp,
};
use serde_json::Value;
use sqlx::any::AnyRow;

use crate::catalog::Catalog;
use crate::fields::{self, Fields};
use crate::job::{self, Draft, Job};
use crate::schedule::{self, Schedule};
use crate::session::{Session, sql, sql_of_parts, words};

pub use list::BackupFilter;

/// A catalogued backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// Its id.
    pub id: BackupId,
    /// Whose it is.
    pub organization: OrganizationId,
    /// What was backed up.
    pub service: ServiceId,
    /// How.
    pub method: Method,
    /// The service's engine, e.g. `mariadb`.
    pub engine: String,
    /// The name a person gave it. Several backups may have the same.
    pub name: Option<String>,
    /// Where its objects lie.
    pub target: TargetId,
    /// Where it stands.
    pub state: BackupState,
    /// The job that makes or made it.
    pub job: JobId,
    /// The backup it is restored on top of.
    pub parent: Option<BackupId>,
    /// Bytes before compression.
    pub plain_bytes: u64,
    /// Bytes in the target.
    pub stored_bytes: u64,
    /// What the method said of it.
    pub report: Option<Report>,
    /// The plugin that made it.
    pub plugin_name: Option<String>,
    /// SHA-256 of that component.
    pub plugin_digest: Option<Digest>,
    /// SHA-256 of the manifest as stored, hexadecimal.
    pub manifest_sha256: Option<String>,
    /// Why it failed, or, while attempts remain, why the last one did.
    pub failure: Option<Failure>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When the last attempt began.
    pub started_at: Option<Timestamp>,
    /// When it succeeded, failed or was cancelled.
    pub finished_at: Option<Timestamp>,
    /// When it was last verified.
    pub verified_at: Option<Timestamp>,
    /// How deep that went.
    pub verified_level: Option<String>,
    /// The damage that the last verify found.
    pub suspect: Option<Failure>,
}

impl Backup {
    fn from_row(row: &AnyRow) -> Result<Self> {
        let row = Fields(row);
        Ok(Self {
            id: row.parsed("id")?,
            organization: row.parsed("organization")?,
            service: row.parsed("service")?,
            method: row.parsed("method")?,
            engine: row.text("engine")?,
            name: row.optional_text("name")?,
            target: row.parsed("target")?,
            state: row.parsed("state")?,
            job: row.parsed("job")?,
            parent: row.optional_parsed("parent")?,
            plain_bytes: row.unsigned("plain_bytes")?,
            stored_bytes: row.unsigned("stored_bytes")?,
            report: row.optional_json("report")?,
            plugin_name: row.optional_text("plugin_name")?,
            plugin_digest: row.optional_parsed("plugin_digest")?,
            manifest_sha256: row.optional_text("manifest_sha256")?,
            failure: row.optional_json("failure")?,
            created_at: row.time("created_at_us")?,
            started_at: row.optional_time("started_at_us")?,
            finished_at: row.optional_time("finished_at_us")?,
            verified_at: row.optional_time("verified_at_us")?,
            verified_level: row.optional_text("verified_level")?,
            suspect: row.optional_json("suspect")?,
        })
    }
}

/// A backup to be made.
#[derive(Clone, Debug)]
pub struct NewBackup {
    /// Whose it is.
    pub organization: OrganizationId,
    /// What is backed up.
    pub service: ServiceId,
    /// How.
    pub method: Method,
    /// The service's engine.
    pub engine: String,
    /// The name a person gave it.
    pub name: Option<String>,
    /// Where it is kept.
    pub target: TargetId,
    /// The server's name, the last part of the backup's id.
    pub server: String,
    /// The backup it is restored on top of.
    pub parent: Option<BackupId>,
    /// [`Schedule::ONCE`], or crontab(5).
    pub schedule_expression: String,
    /// What was asked, for the engine. Never holds a secret.
    pub request: Value,
    /// Attempts allowed, at least 1.
    pub attempts_max: u32,
}

impl Catalog {
    /// Writes a schedule and its backup to be made now.
    ///
    /// # Errors
    /// `not-found` and `conflict` when the parent is missing, did not succeed or is being deleted.
    pub async fn schedule_backup(&self, new: NewBackup) -> Result<(Schedule, Backup, Job)> {
        let mut session = self.begin().await?;
        if let Some(parent) = &new.parent {
            lock_succeeded(&mut session, &new.organization, parent).await?;
        }
        let schedule = Schedule {
            id: ScheduleId(0),
            organization: new.organization.clone(),
            service: new.service.clone(),
            method: new.method.clone(),
            expression: new.schedule_expression,
            name: new.name.clone(),
            target: new.target.clone(),
            state: JobState::Scheduled.to_string(),
            created_at: session.now(),
        };
        let schedule = schedule::insert(&mut session, schedule).await?;
        let job = JobId::new();
        let query =
            sql("INSERT INTO backups (id, organization, service, method, engine, name, target, state, job, parent,
                 plain_bytes, stored_bytes, created_at_us)
             VALUES ($1, $2, $3, $4, $5, $6, $7, 'scheduled', $8, $9, 0, 0, $10) RETURNING *")
            .bind(String::from(BackupId::new(&new.service, &new.server)))
            .bind(new.organization.as_str())
            .bind(new.service.as_str())
            .bind(new.method.as_str())
            .bind(new.engine)
            .bind(new.name)
            .bind(new.target.as_str())
            .bind(job.as_str())
            .bind(new.parent.map(String::from))
            .bind(session.now().as_micros());
        let Some(row) = session.row(query).await? else {
            return Err(Failure::internal("a new backup was not written"));
        };
        let backup = Backup::from_row(&row)?;
        let draft = Draft {
            id: job,
            organization: new.organization,
            service: new.service,
            kind: JobKind::Backup,
            method: new.method,
            backup: backup.id.clone(),
            restore: None,
            schedule: Some(schedule.id),
            request: new.request,
            attempts_max: new.attempts_max,
        };
        let job = job::insert(&mut session, draft).await?;
        session.commit().await?;
        Ok((schedule, backup, job))
    }

    /// Marks a backup as on its way out: from now on nothing restores it or builds on it. Asked for twice, nothing more
    /// happens. [`schedule_job`](Self::schedule_job) of an expiry does the same and adds the job.
    ///
    /// # Errors
    /// `not-found`; `conflict` when it is being made or restored, is gone already, or others are restored on top of it.
    pub async fn begin_deleting(&self, organization: &OrganizationId, id: &BackupId) -> Result<Backup> {
        let mut session = self.begin().await?;
        let backup = mark_deleting(&mut session, organization, id).await?;
        session.commit().await?;
        Ok(backup)
    }
}

/// Reads a backup and keeps others from changing it until the end of the transaction.
async fn lock(session: &mut Session, organization: &OrganizationId, id: &BackupId) -> Result<Backup> {
    let text = format!("SELECT * FROM backups WHERE id = $1 AND organization = $2{}", session.for_update());
    let query = sql_of_parts(text).bind(id.as_str()).bind(organization.as_str());
    match session.row(query).await? {
        Some(row) => Backup::from_row(&row),
        None => Err(not_found(id.as_str())),
    }
}

/// Keeps a backup that something is about to depend on from being deleted meanwhile.
pub(crate) async fn lock_succeeded(
    session: &mut Session,
    organization: &OrganizationId,
    id: &BackupId,
) -> Result<Backup> {
    let backup = lock(session, organization, id).await?;
    match backup.state {
        BackupState::Succeeded => Ok(backup),
        state => Err(Failure::conflict(format!("backup {id} cannot be used: it is {state}"))),
    }
}

/// Takes a backup into another state.
///
/// # Errors
/// `conflict` when it is not in a legal predecessor of that state.
pub(crate) async fn enter(
    session: &mut Session,
    id: &BackupId,
    to: BackupState,
    failure: Option<&Failure>,
) -> Result<()> {
    let now = session.now().as_micros();
    let before = words(to.predecessors().iter().map(|state| state.as_str()));
    let ended = matches!(to, BackupState::Succeeded | BackupState::Failed | BackupState::Cancelled);
    // Of a backup that goes away, the record of how it ended remains.
    let text = format!(
        "UPDATE backups SET state = $1, failure = COALESCE($2, CASE WHEN $1 IN ('deleting', 'deleted') THEN failure END),
             started_at_us = COALESCE($3, started_at_us), finished_at_us = COALESCE($4, finished_at_us)
         WHERE id = $5 AND state IN ({before})"
    );
    let query = sql_of_parts(text)
        .bind(to.as_str())
        .bind(fields::optional_json(failure)?)
        .bind((to == BackupState::Running).then_some(now))
        .bind(ended.then_some(now))
        .bind(id.as_str());
    match session.execute(query).await? {
        1 => Ok(()),
        _ => Err(Failure::conflict(format!("backup {id} is not in a state that `{to}` can follow"))),
    }
}

/// See [`Catalog::begin_deleting`].
pub(crate) async fn mark_deleting(
    session: &mut Session,
    organization: &OrganizationId,
    id: &BackupId,
) -> Result<Backup> {
    let mut backup = lock(session, organization, id).await?;
    match backup.state {
        BackupState::Deleting => return Ok(backup),
        BackupState::Deleted => return Err(not_found(id.as_str())),
        BackupState::Scheduled | BackupState::Running => {
            return Err(Failure::conflict(format!("backup {id} is being made: it is {}", backup.state))
                .with_hint(format!("cancel its job {} first", backup.job)));
        }
        BackupState::Succeeded | BackupState::Failed | BackupState::Cancelled => {}
    }
    if let Some(restore) = job::unfinished(session, id, JobKind::Restore).await? {
        return Err(Failure::conflict(format!("backup {id} is being restored by job {}", restore.id))
            .with_hint("wait for that job, or cancel it first"));
    }
    let query = sql("SELECT id FROM backups WHERE parent = $1 AND state IN ('scheduled', 'running', 'succeeded')
         ORDER BY created_at_us LIMIT 5")
    .bind(id.as_str());
    let rows = session.rows(query).await?;
    let dependants: Vec<String> = rows.iter().map(|row| Fields(row).text("id")).collect::<Result<_>>()?;
    if !dependants.is_empty() {
        return Err(Failure::conflict(format!("other backups are restored on top of {id}: {}", dependants.join(", ")))
            .with_hint("delete those first"));
    }
    enter(session, id, BackupState::Deleting, None).await?;
    backup.state = BackupState::Deleting;
    Ok(backup)
}

fn not_found(text: &str) -> Failure {
    Failure::not_found(format!("there is no backup `{text}`"))
}
