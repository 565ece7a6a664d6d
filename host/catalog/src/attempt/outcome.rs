//! How an attempt ends: attempt, job and what the job makes change in one transaction, and only while the lease is held.

use std::time::Duration;

use bulkhead_model::{
    AttemptId, AttemptState, BackupId, BackupState, Digest, Failure, FailureKind, JobId, JobKind, JobState, Report,
    Result,
};
use serde_json::Value;

use super::{Attempt, end};
use crate::backup::CopyOutcome;
use crate::catalog::Catalog;
use crate::fields::{big, json, optional_json, plain};
use crate::job::{Entry, Job, enter};
use crate::session::{Session, sql, sql_of_parts};
use crate::{backup, closed, notice, restore};

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
    /// What became of the copies that it was to have.
    pub copies: Vec<CopyOutcome>,
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
        let made = backup::lock(&mut session, &job.organization, backup_of(&job)?).await?;
        backup::settle_copies(&mut session, &made, &completed.copies, job.attempts_max).await?;
        notice::record_job(&mut session, &job).await?;
        session.commit().await?;
        Ok(job)
    }

    /// What the attempt makes is restored on top of `parent`, or alone: from now on the parent is not deleted while the
    /// backup is made or kept.
    ///
    /// # Errors
    /// `conflict` when the attempt no longer holds its lease, or when the parent did not succeed or is being deleted;
    /// `not-found` when there is no such parent.
    pub async fn continue_backup(
        &self,
        attempt: &AttemptId,
        backup: &BackupId,
        parent: Option<&BackupId>,
    ) -> Result<()> {
        let mut session = self.begin().await?;
        let text = format!(
            "SELECT j.* FROM attempts a JOIN jobs j ON j.id = a.job
             WHERE a.id = $1 AND a.state = 'leased' AND j.kind = 'backup' AND j.backup = $2{}",
            session.for_update()
        );
        let Some(row) = session.row(sql_of_parts(text).bind(attempt.as_str()).bind(backup.as_str())).await? else {
            return Err(super::lease_is_gone(attempt));
        };
        let job = Job::from_row(&row)?;
        if let Some(parent) = parent {
            let found = backup::lock_succeeded(&mut session, &job.organization, parent).await?;
            if found.service != job.service {
                return Err(Failure::conflict(format!("backup {parent} is of another service, {}", found.service)));
            }
        }
        let query = sql("UPDATE backups SET parent = $1 WHERE id = $2 AND state = 'running'")
            .bind(parent.map(|parent| parent.as_str().to_owned()))
            .bind(backup.as_str());
        session.execute_one("what a backup continues", query).await?;
        session.commit().await
    }

    /// The restore is complete, and its service open. `message` is one sentence for people, `reached` what the engine has to say of it.
    ///
    /// # Errors
    /// `conflict` when the attempt no longer holds its lease.
    pub async fn finish_restore(&self, attempt: &AttemptId, message: &str, reached: Option<&Value>) -> Result<Job> {
        let mut session = self.begin().await?;
        let job = succeed(&mut session, attempt, JobKind::Restore).await?;
        let Some(id) = job.restore else {
            return Err(Failure::internal(format!("job {} restores nothing", job.id)));
        };
        restore::set_reached(&mut session, id, message, reached).await?;
        if !restore::is_partial(&mut session, id).await? {
            closed::open(&mut session, &job).await?;
        }
        notice::record_job(&mut session, &job).await?;
        session.commit().await?;
        Ok(job)
    }

    /// The service is empty, and its migrations have run.
    ///
    /// # Errors
    /// `conflict` when the attempt no longer holds its lease.
    pub async fn finish_reset(&self, attempt: &AttemptId) -> Result<Job> {
        let mut session = self.begin().await?;
        let job = succeed(&mut session, attempt, JobKind::Reset).await?;
        closed::open(&mut session, &job).await?;
        notice::record_job(&mut session, &job).await?;
        session.commit().await?;
        Ok(job)
    }

    /// The backup has been looked at, to a `level`: `stored`, `content` or `drill`; `suspect` is the damage that was found.
    /// What one verify has found stands until one that goes as deep finds nothing. `drilled` tells that the backup was
    /// restored, and that `evidence` says what was seen there.
    ///
    /// # Errors
    /// `conflict` when the attempt no longer holds its lease.
    pub async fn finish_verify(
        &self,
        attempt: &AttemptId,
        level: &str,
        suspect: Option<&Failure>,
        evidence: &[String],
        drilled: bool,
    ) -> Result<Job> {
        let mut session = self.begin().await?;
        let job = succeed(&mut session, attempt, JobKind::Verify).await?;
        let before = backup::lock(&mut session, &job.organization, backup_of(&job)?).await?;
        let found_at = before.suspect_level.as_deref().filter(|_| before.suspect.is_some());
        let deeper = found_at.filter(|found_at| depth(found_at) > depth(level));
        let (suspected, suspected_at) = match (suspect, deeper) {
            (None, None) => (None, None),
            (None, Some(deeper)) => (before.suspect.as_ref(), Some(deeper)),
            (Some(suspect), deeper) => (Some(suspect), Some(deeper.unwrap_or(level))),
        };
        let now = session.now().as_micros();
        let query =
            sql("UPDATE backups SET verified_at_us = $1, verified_level = $2, suspect = $3, suspect_level = $4,
                 evidence = COALESCE($5, evidence), drilled_at_us = COALESCE($6, drilled_at_us)
             WHERE id = $7")
            .bind(now)
            .bind(plain(level))
            .bind(optional_json(suspected)?)
            .bind(suspected_at.map(plain))
            .bind(if drilled { Some(json(&evidence)?) } else { None })
            .bind(drilled.then_some(now))
            .bind(before.id.as_str());
        session.execute_one("a verified backup", query).await?;
        if let Some(suspect) = suspect {
            notice::record_suspect(&mut session, &job, level, suspect).await?;
        }
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
        backup::forget_copies(&mut session, backup_of(&job)?).await?;
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
pub(crate) async fn lock_job(session: &mut Session, id: &JobId) -> Result<Job> {
    let text = format!("SELECT * FROM jobs WHERE id = $1{}", session.for_update());
    match session.row(sql_of_parts(text).bind(id.as_str())).await? {
        Some(row) => Job::from_row(&row),
        None => Err(Failure::internal(format!("the catalog has lost job {id}"))),
    }
}

/// Ends attempt and job well.
pub(crate) async fn succeed(session: &mut Session, attempt: &AttemptId, kind: JobKind) -> Result<Job> {
    let attempt = end(session, attempt, AttemptState::Succeeded, None).await?;
    let entry =
        Entry { attempt: Some((&attempt.id, attempt.number)), ..Entry::new(JobState::Running, JobState::Succeeded) };
    let job = enter(session, &attempt.job, entry).await?;
    if job.kind != kind {
        return Err(Failure::internal(format!("job {} is a {}, not a {kind}", job.id, job.kind)));
    }
    Ok(job)
}

/// Which of two levels of verifying goes deeper.
fn depth(level: &str) -> u8 {
    match level {
        "drill" => 3,
        "content" => 2,
        "stored" => 1,
        _ => 0,
    }
}

fn backup_of(job: &Job) -> Result<&BackupId> {
    job.backup.as_ref().ok_or_else(|| Failure::internal(format!("job {} names no backup", job.id)))
}
