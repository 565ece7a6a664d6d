//! Jobs: one run each of a backup, restore, reset, verify or expire.

mod create;
mod list;
mod queue;
mod reset;

use bulkhead_model::{
    AttemptId, BackupId, BackupState, Failure, JobId, JobKind, JobState, Method, OrganizationId, RestoreId, Result,
    ScheduleId, ServiceId, TargetId, Timestamp,
};
use serde_json::{Value, json};
use sqlx::any::AnyRow;

use crate::catalog::Catalog;
use crate::count::{Counted, Counts, Noun};
use crate::fields::{self, Fields};
use crate::session::{Session, sql, sql_of_parts, words};
use crate::{backup, event, notice, restore, schedule};

pub use create::NewJob;
pub(crate) use create::{Draft, ensure_lock, insert, insert_all, made_before};
pub use list::JobFilter;
pub use queue::Queue;
pub(crate) use queue::wait_for;
pub use reset::NewReset;

/// One run of a backup, restore, reset, verify or expire.
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
    /// The method of the backup; of a reset `reset`.
    pub method: Method,
    /// Where it stands.
    pub state: JobState,
    /// Where it waits for its turn.
    pub queue: Queue,
    /// Where the backup lies. `None` of a reset, and of jobs from before limits on targets.
    pub target: Option<TargetId>,
    /// The backup that it makes, restores, proves or deletes. `None` of a reset.
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
            queue: row.parsed("queue")?,
            target: row.optional_parsed("target")?,
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

    /// Its row is gone.
    pub(crate) fn forgotten(&self, counts: &mut Counts) {
        counts.moved(&self.counted(), Some(self.state.as_str()), None);
    }

    fn counted(&self) -> Counted<'_> {
        Counted { noun: Noun::Job, organization: &self.organization, service: &self.service, kind: self.kind.as_str() }
    }
}

impl Catalog {
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
            job = enter(
                &mut session,
                &job.id,
                Entry { failure: Some(&cancelled), ..Entry::new(JobState::Scheduled, JobState::Cancelled) },
            )
            .await?;
            if job.kind == JobKind::Expire {
                backup::unmark_deleting(&mut session, &job).await?;
            }
        }
        session.commit().await?;
        Ok(job)
    }
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
    /// What it is in: the caller holds the row, or the lease of its attempt.
    pub(crate) from: JobState,
    pub(crate) to: JobState,
    /// Why; without one, the job's failure is cleared.
    pub(crate) failure: Option<&'a Failure>,
    /// Of a retry: not before.
    pub(crate) run_after: Option<Timestamp>,
    /// In the course of which attempt.
    pub(crate) attempt: Option<(&'a AttemptId, u32)>,
}

impl Entry<'_> {
    pub(crate) fn new(from: JobState, to: JobState) -> Self {
        Self { from, to, failure: None, run_after: None, attempt: None }
    }
}

/// Takes a running or waiting job, and with it the backup or restore that it makes, into another state. (The claim is
/// the way into [`JobState::Running`].)
///
/// # Errors
/// `conflict` when it is not in the state it comes from, or when that is no legal predecessor.
pub(crate) async fn enter(session: &mut Session, id: &JobId, entry: Entry<'_>) -> Result<Job> {
    let now = session.now().as_micros();
    let Entry { from, to, .. } = entry;
    let legal = to.predecessors().contains(&from);
    let query = sql("UPDATE jobs SET state = $1, failure = $2, run_after_us = COALESCE($3, run_after_us),
             finished_at_us = $4
         WHERE id = $5 AND state = $6 RETURNING *")
    .bind(to.as_str())
    .bind(fields::optional_json(entry.failure)?)
    .bind(entry.run_after.map(Timestamp::as_micros))
    .bind(to.is_final().then_some(now))
    .bind(id.as_str())
    .bind(from.as_str());
    let row = if legal { session.row(query).await? } else { None };
    let Some(row) = row else {
        return Err(Failure::conflict(format!("job {id} is not in a state that `{to}` can follow")));
    };
    let job = Job::from_row(&row)?;
    follow(session, &job, from, entry.attempt).await?;
    Ok(job)
}

/// Brings what a job makes into the job's state, and tells those who watch or want to be told.
pub(crate) async fn follow(
    session: &mut Session,
    job: &Job,
    from: JobState,
    attempt: Option<(&AttemptId, u32)>,
) -> Result<()> {
    session.counts.moved(&job.counted(), Some(from.as_str()), Some(job.state.as_str()));
    match (job.kind, &job.backup, job.restore) {
        (JobKind::Backup, Some(id), _) => {
            let (from, to) = (state_of_backup(from), state_of_backup(job.state));
            backup::enter(session, id, from, to, job.failure.as_ref()).await?;
        }
        (JobKind::Restore, _, Some(id)) => restore::enter(session, id, from, job.state, job.failure.as_ref()).await?,
        _ => {}
    }
    backup::follow_copies(session, job).await?;
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
    event::append(session, &job.id, attempt.map(|(id, _)| id), "state", &body).await?;
    // Of success the caller tells, when it has written what there is to say of it.
    if job.state == JobState::Failed {
        notice::record_job(session, job).await?;
    }
    Ok(())
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
