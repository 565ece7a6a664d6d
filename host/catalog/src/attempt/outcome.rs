//! How an attempt ends: attempt, job and what the job makes change in one transaction, and only while the lease is held.

use std::time::Duration;

use bulkhead_model::{
    AttemptId, AttemptState, BackupId, BackupState, Digest, Failure, FailureKind, JobId, JobKind, JobState, Report,
    Result,
};

use super::{Attempt, end};
use crate::catalog::Catalog;
use crate::fields::{big, json, optional_json, plain};
use crate::job::{Entry, Job, enter};
use crate::session::{Session, sql, sql_of_parts};
use crate::{backup, notice, restore};

/// What there is to know of a backup whose manifest lies in the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completed {
    /// Bytes before compression.
    pub plain_bytes: u64,
    /// Bytes in the target.
    pub stored_bytes: u64,
    /// What the method said of it.
    pub report: Report,
    /// The plugin that made it.
    pub plugin_name: String,
    /// SHA-256 of that component.
    pub plugin_digest: Digest,
    /// SHA-256 of the manifest as stored, hexadecimal.
    pub manifest_sha256: String,
}

impl Catalog {
    /// The backup is complete: its manifest lies in the target. A cancel that came meanwhile came too late.
    ///
    /// # Errors
    /// `conflict` when the attempt no longer holds its lease.
    pub async fn finish_backup(&self, attempt: &AttemptId, completed: &Completed) -> Result<Job> {
        let mut session = self.begin().await?;
        let job = succeed(&mut session, attempt, JobKind::Backup).await?;
        let query = sql("UPDATE backups SET plain_bytes = $1, stored_bytes = $2, report = $3, plugin_name = $4,
                 plugin_digest = $5, manifest_sha256 = $6
             WHERE id = $7 AND state = 'succeeded'")
        .bind(big(completed.plain_bytes))
        .bind(big(completed.stored_bytes))
        .bind(json(&completed.report)?)
        .bind(completed.plugin_name.clone())
        .bind(completed.plugin_digest.to_string())
        .bind(completed.manifest_sha256.clone())
        .bind(backup_of(&job)?.as_str());
        session.execute_one("a finished backup", query).await?;
        notice::record_job(&mut session, &job).await?;
        session.commit().await?;
        Ok(job)
    }

    /// The restore is complete. `message` is one sentence for people.
    ///
    /// # Errors
    /// `conflict` when the attempt no longer holds its lease.
    pub async fn finish_restore(&self, attempt: &AttemptId, message: &str) -> Result<Job> {
        let mut session = self.begin().await?;
        let job = succeed(&mut session, attempt, JobKind::Restore).await?;
        let Some(id) = job.restore else {
            return Err(Failure::internal(format!("job {} restores nothing", job.id)));
        };
        restore::set_message(&mut session, id, message).await?;
        notice::record_job(&mut session, &job).await?;
        session.commit().await?;
        Ok(job)
    }

    /// The backup has been looked at, to a `level`; `suspect` is the damage that was found.
    ///
    /// # Errors
    /// `conflict` when the attempt no longer holds its lease.
    pub async fn finish_verify(&self, attempt: &AttemptId, level: &str, suspect: Option<&Failure>) -> Result<Job> {
        let mut session = self.begin().await?;
        let job = succeed(&mut session, attempt, JobKind::Verify).await?;
        let query = sql("UPDATE backups SET verified_at_us = $1, verified_level = $2, suspect = $3 WHERE id = $4")
            .bind(session.now().as_micros())
            .bind(plain(level))
            .bind(optional_json(suspect)?)
            .bind(backup_of(&job)?.as_str());
        session.execute_one("a verified backup", query).await?;
        session.commit().await?;
        Ok(job)
    }

    /// Nothing of the backup is left in the target.
    ///
    /// # Errors
    /// `conflict` when the attempt no longer holds its lease.
    pub async fn finish_expire(&self, attempt: &AttemptId) -> Result<Job> {
        let mut session = self.begin().await?;
        let job = succeed(&mut session, attempt, JobKind::Expire).await?;
        let from = BackupState::Deleting;
        backup::enter(&mut session, backup_of(&job)?, from, BackupState::Deleted, None).await?;
        session.commit().await?;
        Ok(job)
    }

    /// The attempt has ended without success and left nothing behind. The job is cancelled when that is why or when it
    /// was asked for; scheduled again, not before `retry_after` from now, when the failure says retry and attempts
    /// remain; otherwise failed. Answers which.
    ///
    /// # Errors
    /// `conflict` when the attempt no longer holds its lease.
    pub async fn fail(
        &self,
        attempt: &AttemptId,
        failure: &Failure,
        retry_after: Option<Duration>,
    ) -> Result<JobState> {
        let mut session = self.begin().await?;
        let cancelled = failure.kind == FailureKind::Cancelled;
        let state = if cancelled { AttemptState::Cancelled } else { AttemptState::Failed };
        let attempt = end(&mut session, attempt, state, Some(failure)).await?;
        let job = give_up(&mut session, &attempt, failure, cancelled, retry_after).await?;
        session.commit().await?;
        Ok(job.state)
    }
}

/// What becomes of a job whose attempt has ended without success.
pub(super) async fn give_up(
    session: &mut Session,
    attempt: &Attempt,
    failure: &Failure,
    cancelled: bool,
    retry_after: Option<Duration>,
) -> Result<Job> {
    let job = lock_job(session, &attempt.job).await?;
    let by = Some((&attempt.id, attempt.number));
    let cancellation = Failure::cancelled();
    let entry = if cancelled || job.cancel_requested {
        Entry { failure: Some(&cancellation), attempt: by, ..Entry::new(job.state, JobState::Cancelled) }
    } else if failure.retry && job.attempts_made < job.attempts_max {
        let run_after = session.now().plus(retry_after.unwrap_or_default());
        Entry {
            failure: Some(failure),
            attempt: by,
            run_after: Some(run_after),
            ..Entry::new(job.state, JobState::Scheduled)
        }
    } else {
        Entry { failure: Some(failure), attempt: by, ..Entry::new(job.state, JobState::Failed) }
    };
    enter(session, &job.id, entry).await
}

/// Reads a job and keeps a request to cancel it waiting until the end of the transaction.
pub(super) async fn lock_job(session: &mut Session, id: &JobId) -> Result<Job> {
    let text = format!("SELECT * FROM jobs WHERE id = $1{}", session.for_update());
    match session.row(sql_of_parts(text).bind(id.as_str())).await? {
        Some(row) => Job::from_row(&row),
        None => Err(Failure::internal(format!("the catalog has lost job {id}"))),
    }
}

/// Ends attempt and job well.
async fn succeed(session: &mut Session, attempt: &AttemptId, kind: JobKind) -> Result<Job> {
    let attempt = end(session, attempt, AttemptState::Succeeded, None).await?;
    let entry =
        Entry { attempt: Some((&attempt.id, attempt.number)), ..Entry::new(JobState::Running, JobState::Succeeded) };
    let job = enter(session, &attempt.job, entry).await?;
    if job.kind != kind {
        return Err(Failure::internal(format!("job {} is a {}, not a {kind}", job.id, job.kind)));
    }
    Ok(job)
}

fn backup_of(job: &Job) -> Result<&BackupId> {
    job.backup.as_ref().ok_or_else(|| Failure::internal(format!("job {} names no backup", job.id)))
}
