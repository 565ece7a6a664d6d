//! Jobs: one run each of a backup, restore, verify or expire.

use bulkhead_model::{
    AttemptId, BackupId, BackupState, Failure, JobId, JobKind, JobState, Method, OrganizationId, RestoreId, Result,
    ScheduleId, ServiceId, Timestamp,
};
use serde_json::{Value, json};
use sqlx::any::AnyRow;

use crate::catalog::Catalog;
use crate::fields::{self, Fields};
use crate::session::{Session, sql, sql_of_parts, words};
use crate::{backup, event, restore, schedule};

/// One run of a backup, restore, verify or expire.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// Whose it is.
    pub organization: OrganizationId,
    /// What it works on; jobs exclude each other by service.
    pub service: ServiceId,
    /// What it does.
    pub kind: JobKind,
    /// The method of the backup.
    pub method: Method,
    /// Where it stands.
    pub state: JobState,
    /// The backup that it makes, restores, proves or deletes.
    pub backup: Option<BackupId>,
    /// Of a restore: its row.
    pub restore: Option<RestoreId>,
    /// Of a backup: the schedule that asked for it.
    pub schedule: Option<ScheduleId>,
    /// What was asked, for the engine. Never holds a secret.
    pub request: Value,
    /// Attempts begun so far.
    pub attempts_made: u32,
    /// Attempts allowed.
    pub attempts_max: u32,
    /// Not claimed before.
    pub run_after: Timestamp,
    /// Whoever holds it must stop.
    pub cancel_requested: bool,
    /// What the attempt is doing.
    pub phase: Option<String>,
    /// Moved so far by the attempt, in bytes before compression.
    pub plain_bytes: u64,
    /// Moved so far to or from the target, in bytes.
    pub stored_bytes: u64,
    /// Plain bytes that the attempt expects to move.
    pub expected_bytes: Option<u64>,
    /// Why it failed, or, while attempts remain, why the last one did.
    pub failure: Option<Failure>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When its first attempt began.
    pub started_at: Option<Timestamp>,
    /// When it became final.
    pub finished_at: Option<Timestamp>,
}

impl Job {
    pub(crate) fn from_row(row: &AnyRow) -> Result<Self> {
        let row = Fields(row);
        Ok(Self {
            id: row.parsed("id")?,
            organization: row.parsed("organization")?,
            service: row.parsed("service")?,
            kind: row.parsed("kind")?,
            method: row.parsed("method")?,
            state: row.parsed("state")?,
            backup: row.optional_parsed("backup")?,
            restore: row.optional_number("restore")?.map(RestoreId),
            schedule: row.optional_number("schedule")?.map(ScheduleId),
            request: row.json("request")?,
            attempts_made: row.unsigned("attempts_made")?,
            attempts_max: row.unsigned("attempts_max")?,
            run_after: row.time("run_after_us")?,
            cancel_requested: row.flag("cancel_requested")?,
            phase: row.optional_text("phase")?,
            plain_bytes: row.unsigned("plain_bytes")?,
            stored_bytes: row.unsigned("stored_bytes")?,
            expected_bytes: row.optional_unsigned("expected_bytes")?,
            failure: row.optional_json("failure")?,
            created_at: row.time("created_at_us")?,
            started_at: row.optional_time("started_at_us")?,
            finished_at: row.optional_time("finished_at_us")?,
        })
    }
}

/// A verify or an expire to be run.
#[derive(Clone, Debug)]
pub struct NewJob {
    /// Whose the backup is.
    pub organization: OrganizationId,
    /// [`JobKind::Verify`] or [`JobKind::Expire`].
    pub kind: JobKind,
    /// Of which backup.
    pub backup: BackupId,
    /// What was asked, for the engine. Never holds a secret.
    pub request: Value,
    /// Attempts allowed, at least 1.
    pub attempts_max: u32,
}

impl Catalog {
    /// Schedules a verify of a backup that succeeded, or the expiry of one that is not being made. An expiry marks the
    /// backup as [`BackupState::Deleting`]; asked for twice, it is the same job.
    ///
    /// # Errors
    /// `not-found`; `conflict` when the backup's state does not allow it (see [`begin_deleting`](Self::begin_deleting)).
    pub async fn schedule_job(&self, new: NewJob) -> Result<Job> {
        let mut session = self.begin().await?;
        let backup = match new.kind {
            JobKind::Verify => backup::lock_succeeded(&mut session, &new.organization, &new.backup).await?,
            JobKind::Expire => backup::mark_deleting(&mut session, &new.organization, &new.backup).await?,
            JobKind::Backup | JobKind::Restore => {
                return Err(Failure::internal(format!("a {} is scheduled with a row of its own", new.kind)));
            }
        };
        if let (JobKind::Expire, Some(job)) = (new.kind, unfinished(&mut session, &backup.id, JobKind::Expire).await?) {
            return Ok(job);
        }
        let job = insert(
            &mut session,
            Draft {
                id: JobId::new(),
                organization: new.organization,
                service: backup.service,
                kind: new.kind,
                method: backup.method,
                backup: backup.id,
                restore: None,
                schedule: None,
                request: new.request,
                attempts_max: new.attempts_max,
            },
        )
        .await?;
        session.commit().await?;
        Ok(job)
    }

    /// One job of the organization.
    ///
    /// # Errors
    /// `not-found` when the organization has none of this id.
    pub async fn job(&self, organization: &OrganizationId, id: &JobId) -> Result<Job> {
        let query =
            sql("SELECT * FROM jobs WHERE id = $1 AND organization = $2").bind(id.as_str()).bind(organization.as_str());
        match self.rows(query).await?.first() {
            Some(row) => Job::from_row(row),
            None => Err(Failure::not_found(format!("there is no job {id}"))),
        }
    }

    /// Cancels a job. One that waits is cancelled at once; the holder of a running one hears of it with its next
    /// heartbeat. Asked for twice, nothing more happens.
    ///
    /// # Errors
    /// `not-found`; `conflict` when it has succeeded or failed already.
    pub async fn request_cancel(&self, organization: &OrganizationId, id: &JobId) -> Result<Job> {
        let mut session = self.begin().await?;
        let before_end = words(JobState::ALL.iter().filter(|state| !state.is_final()).map(|state| state.as_str()));
        let text = format!(
            "UPDATE jobs SET cancel_requested = 1 WHERE id = $1 AND organization = $2 AND state IN ({before_end}) RETURNING *"
        );
        let query = sql_of_parts(text).bind(id.as_str()).bind(organization.as_str());
        let Some(row) = session.row(query).await? else {
            drop(session);
            let job = self.job(organization, id).await?;
            return match job.state {
                JobState::Cancelled => Ok(job),
                state => Err(Failure::conflict(format!("the job can no longer be cancelled: it has {state}"))),
            };
        };
        let mut job = Job::from_row(&row)?;
        if job.state == JobState::Scheduled {
            let cancelled = Failure::cancelled();
            job = enter(&mut session, &job.id, Entry { failure: Some(&cancelled), ..Entry::new(JobState::Cancelled) })
                .await?;
        }
        session.commit().await?;
        Ok(job)
    }
}

/// What a new job is made of.
pub(crate) struct Draft {
    pub(crate) id: JobId,
    pub(crate) organization: OrganizationId,
    pub(crate) service: ServiceId,
    pub(crate) kind: JobKind,
    pub(crate) method: Method,
    pub(crate) backup: BackupId,
    pub(crate) restore: Option<RestoreId>,
    pub(crate) schedule: Option<ScheduleId>,
    pub(crate) request: Value,
    pub(crate) attempts_max: u32,
}

/// Writes a new job, to be claimed from now on.
pub(crate) async fn insert(session: &mut Session, draft: Draft) -> Result<Job> {
    let lock = sql("INSERT INTO service_locks (service, claims) VALUES ($1, 0) ON CONFLICT (service) DO NOTHING")
        .bind(draft.service.as_str());
    session.execute(lock).await?;
    let now = session.now().as_micros();
    let query = sql("INSERT INTO jobs (id, organization, service, kind, method, state, backup, restore, schedule, request,
             attempts_made, attempts_max, run_after_us, cancel_requested, plain_bytes, stored_bytes, created_at_us, last_event)
         VALUES ($1, $2, $3, $4, $5, 'scheduled', $6, $7, $8, $9, 0, $10, $11, 0, 0, 0, $12, 0) RETURNING *")
    .bind(draft.id.as_str())
    .bind(draft.organization.as_str())
    .bind(draft.service.as_str())
    .bind(draft.kind.as_str())
    .bind(draft.method.as_str())
    .bind(draft.backup.as_str())
    .bind(draft.restore.map(|id| id.0))
    .bind(draft.schedule.map(|id| id.0))
    .bind(fields::json(&draft.request)?)
    .bind(i64::from(draft.attempts_max.max(1)))
    .bind(now)
    .bind(now);
    let Some(row) = session.row(query).await? else {
        return Err(Failure::internal("a new job was not written"));
    };
    let job = Job::from_row(&row)?;
    event::append(session, &job.id, None, "state", &json!({ "state": job.state.as_str() })).await?;
    Ok(job)
}

/// The job of a kind on a backup that is not final yet.
pub(crate) async fn unfinished(session: &mut Session, backup: &BackupId, kind: JobKind) -> Result<Option<Job>> {
    let query = sql("SELECT * FROM jobs WHERE backup = $1 AND kind = $2 AND state IN ('scheduled', 'running')")
        .bind(backup.as_str())
        .bind(kind.as_str());
    session.row(query).await?.as_ref().map(Job::from_row).transpose()
}

/// A job's way into another state.
pub(crate) struct Entry<'a> {
    pub(crate) to: JobState,
    /// Why; without one, the job's failure is cleared.
    pub(crate) failure: Option<&'a Failure>,
    /// Of a retry: not before.
    pub(crate) run_after: Option<Timestamp>,
    /// In the course of which attempt.
    pub(crate) attempt: Option<(&'a AttemptId, u32)>,
}

impl Entry<'_> {
    pub(crate) fn new(to: JobState) -> Self {
        Self { to, failure: None, run_after: None, attempt: None }
    }
}

/// Takes a running or waiting job, and with it the backup or restore that it makes, into another state. (The claim is
/// the way into [`JobState::Running`].)
///
/// # Errors
/// `conflict` when it is not in a legal predecessor of that state.
pub(crate) async fn enter(session: &mut Session, id: &JobId, entry: Entry<'_>) -> Result<Job> {
    let now = session.now().as_micros();
    let to = entry.to;
    let before = words(to.predecessors().iter().map(|state| state.as_str()));
    let text = format!(
        "UPDATE jobs SET state = $1, failure = $2, run_after_us = COALESCE($3, run_after_us), finished_at_us = $4
         WHERE id = $5 AND state IN ({before}) RETURNING *"
    );
    let query = sql_of_parts(text)
        .bind(to.as_str())
        .bind(fields::optional_json(entry.failure)?)
        .bind(entry.run_after.map(Timestamp::as_micros))
        .bind(to.is_final().then_some(now))
        .bind(id.as_str());
    let Some(row) = session.row(query).await? else {
        return Err(Failure::conflict(format!("job {id} is not in a state that `{to}` can follow")));
    };
    let job = Job::from_row(&row)?;
    follow(session, &job, entry.attempt).await?;
    Ok(job)
}

/// Brings what a job makes into the job's state, and tells those who watch.
pub(crate) async fn follow(session: &mut Session, job: &Job, attempt: Option<(&AttemptId, u32)>) -> Result<()> {
    match (job.kind, &job.backup, job.restore) {
        (JobKind::Backup, Some(id), _) => {
            backup::enter(session, id, state_of_backup(job.state), job.failure.as_ref()).await?
        }
        (JobKind::Restore, _, Some(id)) => restore::enter(session, id, job.state, job.failure.as_ref()).await?,
        _ => {}
    }
    if let Some(id) = job.schedule {
        schedule::mirror(session, id, job.state).await?;
    }
    let mut body = json!({ "state": job.state.as_str() });
    if let Some((_, number)) = attempt {
        body["attempt"] = number.into();
    }
    if let Some(failure) = &job.failure {
        body["failure"] = json!(failure);
    }
    event::append(session, &job.id, attempt.map(|(id, _)| id), "state", &body).await.map(|_| ())
}

fn state_of_backup(state: JobState) -> BackupState {
    match state {
        JobState::Scheduled => BackupState::Scheduled,
        JobState::Running => BackupState::Running,
        JobState::Succeeded => BackupState::Succeeded,
        JobState::Failed => BackupState::Failed,
        JobState::Cancelled => BackupState::Cancelled,
    }
}
