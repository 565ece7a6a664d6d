//! Copies of backups in other targets than their own.

use std::fmt;
use std::str::FromStr;

use bulkhead_model::{
    AttemptId, BackupId, Failure, FailureKind, JobId, JobKind, JobState, OrganizationId, Result, TargetId, Timestamp,
};
use serde_json::Value;
use sqlx::any::AnyRow;

use super::{Backup, lock_succeeded};
use crate::attempt::succeed;
use crate::catalog::Catalog;
use crate::fields::{Fields, optional_json};
use crate::idempotency::{self, Idempotency, Made};
use crate::job::{self, Draft, Job, made_before};
use crate::session::{Session, batches, places, sql, sql_of_parts};

/// A backup in another target than its own: the same objects under the same manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupCopy {
    /// Of which backup.
    pub backup: BackupId,
    /// Where.
    pub target: TargetId,
    /// Whether it is there.
    pub state: CopyState,
    /// The job that makes or made it.
    pub job: JobId,
    /// Why it failed, or, while attempts remain, why the last one did.
    pub failure: Option<Failure>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it succeeded or failed.
    pub finished_at: Option<Timestamp>,
}

/// Where a copy stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyState {
    /// It is to be made, or is being made.
    Waiting,
    /// It is there.
    Succeeded,
    /// It is not there, and nobody tries any more.
    Failed,
}

impl CopyState {
    /// The word in the catalog.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for CopyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for CopyState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "waiting" => Ok(Self::Waiting),
            "succeeded" => Ok(Self::Succeeded),
            "failed" => Ok(Self::Failed),
            _ => Err(format!("`{text}` is no state of a copy")),
        }
    }
}

impl BackupCopy {
    fn from_row(row: &AnyRow) -> Result<Self> {
        let row = Fields(row);
        Ok(Self {
            backup: row.parsed("backup")?,
            target: row.parsed("target")?,
            state: row.parsed("state")?,
            job: row.parsed("job")?,
            failure: row.optional_json("failure")?,
            created_at: row.time("created_at_us")?,
            finished_at: row.optional_time("finished_at_us")?,
        })
    }
}

/// A copy to be made of a backup that is there.
#[derive(Clone, Debug)]
pub struct NewCopy {
    /// Whose it is.
    pub organization: OrganizationId,
    /// Of which backup.
    pub backup: BackupId,
    /// Where to.
    pub target: TargetId,
    /// Attempts allowed, at least 1.
    pub attempts_max: u32,
    /// So that a request that comes twice is carried out once.
    pub idempotency: Option<Idempotency>,
}

/// What became of one copy while its backup was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyOutcome {
    /// Where.
    pub target: TargetId,
    /// Why it is not there.
    pub failure: Option<Failure>,
}

impl Catalog {
    /// The copies of backups, by target.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn copies_of(&self, backups: &[BackupId]) -> Result<Vec<BackupCopy>> {
        let mut copies = Vec::new();
        for batch in batches(backups) {
            let text = format!(
                "SELECT * FROM backup_copies WHERE backup IN {} ORDER BY backup, target",
                places(1, batch.len())
            );
            let mut query = sql_of_parts(text);
            for backup in batch {
                query = query.bind(backup.as_str().to_owned());
            }
            for row in &self.rows(query).await? {
                copies.push(BackupCopy::from_row(row)?);
            }
        }
        Ok(copies)
    }

    /// Schedules a copy of a backup that succeeded. One that is being made already is answered with its job.
    ///
    /// # Errors
    /// `not-found`; `conflict` when the backup did not succeed, lies in that target already, or when the idempotency key
    /// stands for another request.
    pub async fn schedule_copy(&self, new: NewCopy) -> Result<Made<Job>> {
        let mut session = self.begin().await?;
        let (organization, key) = (new.organization.clone(), new.idempotency.clone());
        if let Some(object) = idempotency::begin(&mut session, &organization, key.as_ref(), "job").await? {
            drop(session);
            return Ok(Made::before(self.job(&organization, &made_before(&object)?).await?));
        }
        let backup = lock_succeeded(&mut session, &organization, &new.backup).await?;
        let there = || Failure::conflict(format!("backup {} lies in target `{}` already", new.backup, new.target));
        if backup.target == new.target {
            return Err(there());
        }
        let query = sql("SELECT * FROM backup_copies WHERE backup = $1 AND target = $2")
            .bind(new.backup.as_str().to_owned())
            .bind(new.target.as_str().to_owned());
        let before = session.row(query).await?.as_ref().map(BackupCopy::from_row).transpose()?;
        match before {
            Some(BackupCopy { state: CopyState::Succeeded, .. }) => return Err(there()),
            Some(BackupCopy { state: CopyState::Waiting, job, .. }) if is_live(&mut session, &job).await? => {
                drop(session);
                return Ok(Made::before(self.job(&organization, &job).await?));
            }
            // One that waits for a job that has ended, or that nobody knows, waits for nothing.
            Some(BackupCopy { state: CopyState::Waiting | CopyState::Failed, .. }) | None => {}
        }
        let job = begin(&mut session, &backup, &new.target, new.attempts_max).await?;
        idempotency::settle(&mut session, &organization, key.as_ref(), job.id.as_str()).await?;
        session.commit().await?;
        Ok(Made::now(job))
    }

    /// The copy is there: all objects, and the manifest.
    ///
    /// # Errors
    /// `conflict` when the attempt no longer holds its lease.
    pub async fn finish_copy(&self, attempt: &AttemptId) -> Result<Job> {
        let mut session = self.begin().await?;
        let job = succeed(&mut session, attempt, JobKind::Copy).await?;
        session.commit().await?;
        Ok(job)
    }

    /// Forgets copies that lie in a target no longer, e.g. because somebody emptied it. Says whether there was one.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn forget_copy(&self, backup: &BackupId, target: &TargetId) -> Result<bool> {
        let mut session = self.begin().await?;
        let query = sql("DELETE FROM backup_copies WHERE backup = $1 AND target = $2 AND state <> 'waiting'")
            .bind(backup.as_str().to_owned())
            .bind(target.as_str().to_owned());
        let forgotten = session.execute(query).await?;
        session.commit().await?;
        Ok(forgotten > 0)
    }

    /// Makes jobs, at most `limit`, for copies that wait for none: those whose job has ended without a word about them. Answers the jobs.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn take_up_copies(&self, attempts_max: u32, limit: u32) -> Result<Vec<Job>> {
        let query =
            sql("SELECT b.organization, c.backup, c.target FROM backup_copies c JOIN backups b ON b.id = c.backup
             WHERE c.state = 'waiting' AND b.state = 'succeeded' AND NOT EXISTS (
                 SELECT 1 FROM jobs j WHERE j.id = c.job AND j.state IN ('scheduled', 'running'))
             ORDER BY c.backup, c.target LIMIT $1")
            .bind(i64::from(limit));
        let mut jobs = Vec::new();
        for row in &self.rows(query).await? {
            let row = Fields(row);
            let organization: OrganizationId = row.parsed("organization")?;
            let (backup, target) = (row.parsed("backup")?, row.parsed("target")?);
            let copy = NewCopy { organization, backup, target, attempts_max, idempotency: None };
            match self.schedule_copy(copy).await {
                Ok(made) if made.replayed => {}
                Ok(made) => jobs.push(made.value),
                // Deleted, or copied, in between.
                Err(failure) if matches!(failure.kind, FailureKind::Conflict | FailureKind::NotFound) => {}
                Err(failure) => return Err(failure),
            }
        }
        Ok(jobs)
    }

    /// Notes a copy that was found in a target.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn record_copy(&self, backup: &Backup, target: &TargetId) -> Result<()> {
        let mut session = self.begin().await?;
        write(&mut session, &backup.id, target, &backup.job, CopyState::Succeeded, None).await?;
        session.commit().await
    }
}

/// The rows of copies that a new backup is to have.
pub(super) async fn expect(session: &mut Session, backup: &BackupId, job: &JobId, targets: &[TargetId]) -> Result<()> {
    for target in targets {
        write(session, backup, target, job, CopyState::Waiting, None).await?;
    }
    Ok(())
}

/// What became of the copies that a backup was to have. Those that failed are tried again, each by a job of its own.
pub(crate) async fn settle(
    session: &mut Session,
    backup: &Backup,
    outcomes: &[CopyOutcome],
    attempts_max: u32,
) -> Result<()> {
    for CopyOutcome { target, failure } in outcomes {
        match failure {
            None => write(session, &backup.id, target, &backup.job, CopyState::Succeeded, None).await?,
            Some(failure) => {
                let job = begin(session, backup, target, attempts_max).await?;
                write(session, &backup.id, target, &job.id, CopyState::Waiting, Some(failure)).await?;
            }
        }
    }
    // One that the attempt knew nothing of, because an earlier attempt had come as far as the manifest.
    let query = sql("SELECT target FROM backup_copies WHERE backup = $1 AND job = $2 AND state = 'waiting'")
        .bind(backup.id.as_str().to_owned())
        .bind(backup.job.as_str().to_owned());
    for row in session.rows(query).await? {
        let target: TargetId = Fields(&row).parsed("target")?;
        begin(session, backup, &target, attempts_max).await?;
    }
    Ok(())
}

/// Brings the copies that a job makes into its state: the one of a copy's job, and those of a backup that did not come about.
pub(crate) async fn follow(session: &mut Session, job: &Job) -> Result<()> {
    let state = match (job.kind, job.state) {
        (JobKind::Copy, JobState::Succeeded) => CopyState::Succeeded,
        (JobKind::Copy | JobKind::Backup, JobState::Failed | JobState::Cancelled) => CopyState::Failed,
        (JobKind::Copy, _) => CopyState::Waiting,
        _ => return Ok(()),
    };
    let query =
        sql("UPDATE backup_copies SET state = $1, failure = $2, finished_at_us = $3 WHERE backup = $4 AND job = $5")
            .bind(state.as_str())
            .bind(optional_json(job.failure.as_ref())?)
            .bind((state != CopyState::Waiting).then_some(session.now().as_micros()))
            .bind(job.backup.as_ref().map(|backup| backup.as_str().to_owned()))
            .bind(job.id.as_str().to_owned());
    session.execute(query).await.map(|_| ())
}

/// The copies of a deleted backup are deleted with it.
pub(crate) async fn forget(session: &mut Session, backup: &BackupId) -> Result<()> {
    let query = sql("DELETE FROM backup_copies WHERE backup = $1").bind(backup.as_str().to_owned());
    session.execute(query).await.map(|_| ())
}

/// Whether a job has not ended yet.
async fn is_live(session: &mut Session, job: &JobId) -> Result<bool> {
    let query = sql("SELECT id FROM jobs WHERE id = $1 AND state IN ('scheduled', 'running')").bind(job.as_str());
    Ok(session.row(query).await?.is_some())
}

async fn begin(session: &mut Session, backup: &Backup, target: &TargetId, attempts_max: u32) -> Result<Job> {
    let draft = Draft {
        id: JobId::new(),
        organization: backup.organization.clone(),
        service: backup.service.clone(),
        kind: JobKind::Copy,
        method: backup.method.clone(),
        target: Some(target.clone()),
        backup: Some(backup.id.clone()),
        restore: None,
        schedule: None,
        request: Value::Null,
        attempts_max,
    };
    let job = job::insert(session, draft).await?;
    write(session, &backup.id, target, &job.id, CopyState::Waiting, None).await?;
    Ok(job)
}

async fn write(
    session: &mut Session,
    backup: &BackupId,
    target: &TargetId,
    job: &JobId,
    state: CopyState,
    failure: Option<&Failure>,
) -> Result<()> {
    let now = session.now().as_micros();
    let query = sql("INSERT INTO backup_copies (backup, target, state, job, failure, created_at_us, finished_at_us)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (backup, target) DO UPDATE SET state = excluded.state, job = excluded.job,
             failure = excluded.failure, finished_at_us = excluded.finished_at_us")
    .bind(backup.as_str().to_owned())
    .bind(target.as_str().to_owned())
    .bind(state.as_str())
    .bind(job.as_str().to_owned())
    .bind(optional_json(failure)?)
    .bind(now)
    .bind((state != CopyState::Waiting).then_some(now));
    session.execute_one("a copy", query).await
}
