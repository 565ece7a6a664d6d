//! Which backups may be deleted, marking those that are, and taking that back.

use bulkhead_model::{BackupId, BackupState, Failure, JobKind, OrganizationId, Result};

use super::{Backup, enter, lock, not_found};
use crate::catalog::Catalog;
use crate::fields::Fields;
use crate::job::{self, Job};
use crate::restore;
use crate::session::{Session, sql};

impl Catalog {
    /// Marks a backup as on its way out: from now on nothing restores it or builds on it. Asked for twice, nothing more
    /// happens. [`schedule_job`](Self::schedule_job) of an expiry does the same and adds the job.
    ///
    /// # Errors
    /// `not-found`; `conflict` when it is pinned, being made or restored, or others are restored on top of it.
    pub async fn begin_deleting(&self, organization: &OrganizationId, id: &BackupId) -> Result<Backup> {
        let mut session = self.begin().await?;
        let marked = mark_deleting(&mut session, organization, id, false).await?;
        session.commit().await?;
        marked.into_iter().next().ok_or_else(|| not_found(id.as_str()))
    }

    /// Pins a backup, so that neither retention nor a person deletes it, or lets go of it.
    ///
    /// # Errors
    /// `not-found`; `conflict` when it is to be pinned and is on its way out.
    pub async fn pin_backup(&self, organization: &OrganizationId, id: &BackupId, pinned: bool) -> Result<Backup> {
        let mut session = self.begin().await?;
        let mut backup = lock(&mut session, organization, id).await?;
        match backup.state {
            BackupState::Deleted => return Err(not_found(id.as_str())),
            BackupState::Deleting if pinned => {
                return Err(Failure::conflict(format!("backup {id} is being deleted and cannot be pinned")));
            }
            _ => {}
        }
        let query = sql("UPDATE backups SET pinned = $1 WHERE id = $2").bind(i64::from(pinned)).bind(id.as_str());
        session.execute_one("pinning a backup", query).await?;
        session.commit().await?;
        backup.pinned = pinned;
        Ok(backup)
    }
}

/// Marks a backup, and when asked to all that is restored on top of it, directly or not. Answers them, each before those
/// on top of it. All are marked or none.
///
/// Rows are locked in that order too: of two such deletions one waits at the first backup that they have in common.
pub(crate) async fn mark_deleting(
    session: &mut Session,
    organization: &OrganizationId,
    id: &BackupId,
    with_dependants: bool,
) -> Result<Vec<Backup>> {
    let mut marked: Vec<Backup> = Vec::new();
    let mut next = vec![id.clone()];
    while !next.is_empty() {
        let mut level = Vec::with_capacity(next.len());
        for id in &next {
            level.push(mark(session, organization, id).await?);
        }
        next = Vec::new();
        for backup in &level {
            let dependants = dependants(session, &backup.id).await?;
            if !with_dependants && !dependants.is_empty() {
                let named: Vec<&str> = dependants.iter().take(NAMED).map(BackupId::as_str).collect();
                return Err(Failure::conflict(format!(
                    "other backups are restored on top of {id}: {}",
                    named.join(", ")
                ))
                .with_hint("delete those first, or ask for this one to be deleted with them"));
            }
            next.extend(dependants);
        }
        marked.append(&mut level);
    }
    Ok(marked)
}

/// Takes back that a backup is to be deleted, when the job for it was cancelled before anything was done. It stays on its way out when a
/// deletion had begun, now or earlier, when it never succeeded, or when what it is restored on top of is not there any more.
pub(crate) async fn unmark_deleting(session: &mut Session, job: &Job) -> Result<()> {
    let Some(id) = job.backup.as_ref().filter(|_| job.attempts_made == 0) else { return Ok(()) };
    // Locked in the order in which deletions lock them: what others are restored on top of first.
    let query = sql("SELECT parent FROM backups WHERE id = $1").bind(id.as_str());
    let parent: Option<BackupId> = match session.row(query).await? {
        Some(row) => Fields(&row).optional_parsed("parent")?,
        None => None,
    };
    if let Some(parent) = parent
        && lock(session, &job.organization, &parent).await?.state != BackupState::Succeeded
    {
        return Ok(());
    }
    let backup = lock(session, &job.organization, id).await?;
    let query =
        sql("SELECT id FROM jobs WHERE backup = $1 AND kind = 'expire' AND attempts_made > 0").bind(id.as_str());
    if backup.manifest_sha256.is_none() || session.row(query).await?.is_some() {
        return Ok(());
    }
    // When it had succeeded stays as it is.
    let query = sql("UPDATE backups SET state = 'succeeded' WHERE id = $1 AND state = 'deleting' RETURNING *");
    if let Some(row) = session.row(query.bind(id.as_str())).await? {
        let (from, to) = (BackupState::Deleting.as_str(), BackupState::Succeeded.as_str());
        session.counts.moved(&Backup::from_row(&row)?.counted(), Some(from), Some(to));
    }
    Ok(())
}

/// Enough dependants to name in an error.
const NAMED: usize = 5;

/// Marks one backup, whatever depends on it.
async fn mark(session: &mut Session, organization: &OrganizationId, id: &BackupId) -> Result<Backup> {
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
    if backup.pinned {
        return Err(Failure::conflict(format!("backup {id} is pinned")).with_hint("unpin it first"));
    }
    if let Some(restore) = job::unfinished(session, id, JobKind::Restore).await? {
        return Err(Failure::conflict(format!("backup {id} is being restored by job {}", restore.id))
            .with_hint("wait for that job, or cancel it first"));
    }
    if let Some(job) = restore::using(session, organization, id).await? {
        return Err(Failure::conflict(format!("backup {id} is part of what job {job} restores"))
            .with_hint("wait for that job, or cancel it first"));
    }
    enter(session, id, backup.state, BackupState::Deleting, None).await?;
    backup.state = BackupState::Deleting;
    Ok(backup)
}

/// What is directly restored on top of a backup. Those that failed are not restored at all.
async fn dependants(session: &mut Session, id: &BackupId) -> Result<Vec<BackupId>> {
    let text =
        "SELECT id FROM backups WHERE parent = $1 AND state IN ('scheduled', 'running', 'succeeded') ORDER BY id";
    let rows = session.rows(sql(text).bind(id.as_str().to_owned())).await?;
    rows.iter().map(|row| Fields(row).parsed("id")).collect()
}
