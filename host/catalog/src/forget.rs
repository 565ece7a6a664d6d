//! Forgetting what ended long ago: a bounded part at a time, and nothing that a row which stays refers to.

use std::time::Duration;

use bulkhead_model::{Result, Timestamp};

use crate::backup::Backup;
use crate::catalog::Catalog;
use crate::fields::Fields;
use crate::job::Job;
use crate::schedule;
use crate::session::{Session, Sql, batches, places, sql_of_parts};

/// A backup that something refers to is looked at again after this.
const AGAIN: Duration = Duration::from_hours(24);

/// Why a backup `b` that ended before `$1` has to stay: somebody said so; it began a run of logs, which those that are left
/// name; it is the last one of its service that was drilled; others are restored on top of it; a restore names it; or one of
/// its jobs is younger, or has events.
const REFERRED_TO: &str = "b.pinned = 1 OR b.state NOT IN ('deleted', 'failed', 'cancelled')
    OR COALESCE(b.report, '') LIKE '%' || b.id || '%'
    OR (b.drilled_at_us IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM backups n WHERE n.organization = b.organization AND n.service = b.service
        AND n.drilled_at_us IS NOT NULL AND n.drilled_at_us > b.drilled_at_us))
    OR EXISTS (SELECT 1 FROM backups c WHERE c.parent = b.id)
    OR EXISTS (SELECT 1 FROM restores r WHERE r.backup = b.id)
    OR EXISTS (
        SELECT 1 FROM jobs j WHERE j.backup = b.id
        AND (j.finished_at_us IS NULL OR j.finished_at_us >= $1 OR j.events_pruned = 0 OR j.restore IS NOT NULL))";

impl Catalog {
    /// Forgets at most `limit` jobs that verified, copied or deleted a backup and ended before an instant, with their attempts;
    /// answers how many. The last verify of a service stays: by it, hosts know when the next drill is due. Events go before, see
    /// [`prune_events`](Self::prune_events). To be called again until it answers 0.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn prune_jobs(&self, before: Timestamp, limit: u32) -> Result<u64> {
        let mut session = self.begin().await?;
        let text = format!(
            "SELECT j.* FROM jobs j WHERE j.finished_at_us IS NOT NULL AND j.kind IN ('verify', 'expire', 'copy')
                 AND j.finished_at_us < $1 AND j.events_pruned = 1
                 AND (j.kind <> 'verify' OR EXISTS (
                     SELECT 1 FROM jobs n WHERE n.organization = j.organization AND n.service = j.service
                     AND n.kind = 'verify' AND n.kind <> 'backup' AND n.kind <> 'expire'
                     AND n.created_at_us > j.created_at_us))
             ORDER BY j.finished_at_us, j.id LIMIT $2{}",
            session.for_update_skipping()
        );
        let rows = session.rows(sql_of_parts(text).bind(before.as_micros()).bind(i64::from(limit))).await?;
        let jobs: Vec<Job> = rows.iter().map(Job::from_row).collect::<Result<_>>()?;
        remove_jobs(&mut session, &jobs).await?;
        session.commit().await?;
        Ok(jobs.len() as u64)
    }

    /// Looks at `limit` backups that were deleted, failed or were cancelled before an instant, the longest ago first, and
    /// forgets those to which nothing refers, with the jobs that made and deleted them; answers how many. `None` when there
    /// was none to look at. To be called again until then.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn prune_backups(&self, before: Timestamp, limit: u32) -> Result<Option<u64>> {
        let mut session = self.begin().await?;
        let text = format!(
            "SELECT b.*, CAST(CASE WHEN {REFERRED_TO} THEN 1 ELSE 0 END AS BIGINT) AS referred_to FROM backups b
             WHERE b.ended_at_us IS NOT NULL AND b.ended_at_us < $1 ORDER BY b.ended_at_us, b.id LIMIT $2{}",
            session.for_update_skipping()
        );
        let rows = session.rows(sql_of_parts(text).bind(before.as_micros()).bind(i64::from(limit))).await?;
        if rows.is_empty() {
            return Ok(None);
        }
        let (mut forgotten, mut kept) = (Vec::new(), Vec::new());
        for row in &rows {
            let stays = Fields(row).flag("referred_to")?;
            if stays { &mut kept } else { &mut forgotten }.push(Backup::from_row(row)?);
        }
        for batch in batches(&kept) {
            let text = format!("UPDATE backups SET ended_at_us = {} WHERE id IN ", before.plus(AGAIN).as_micros());
            session.execute(among(&text, batch.iter().map(|backup| backup.id.as_str()))).await?;
        }
        for batch in batches(&forgotten) {
            remove_backups(&mut session, batch).await?;
        }
        session.commit().await?;
        Ok(Some(forgotten.len() as u64))
    }
}

async fn remove_backups(session: &mut Session, backups: &[Backup]) -> Result<()> {
    let ids = || backups.iter().map(|backup| backup.id.as_str());
    let rows = session.rows(among("SELECT * FROM jobs WHERE backup IN ", ids())).await?;
    let jobs: Vec<Job> = rows.iter().map(Job::from_row).collect::<Result<_>>()?;
    remove_jobs(session, &jobs).await?;
    session.execute(among("DELETE FROM backup_copies WHERE backup IN ", ids())).await?;
    session.execute(among("DELETE FROM backups WHERE id IN ", ids())).await?;
    for backup in backups {
        backup.forgotten(&mut session.counts);
    }
    Ok(())
}

/// Jobs go with their attempts, and with the schedule that ran nothing but them.
async fn remove_jobs(session: &mut Session, jobs: &[Job]) -> Result<()> {
    for batch in batches(jobs) {
        let ids = || batch.iter().map(|job| job.id.as_str());
        for statement in [
            "DELETE FROM job_events WHERE job IN ",
            "DELETE FROM attempts WHERE job IN ",
            "DELETE FROM jobs WHERE id IN ",
        ] {
            session.execute(among(statement, ids())).await?;
        }
        for job in batch {
            job.forgotten(&mut session.counts);
            if let Some(schedule) = job.schedule {
                schedule::forget_once(session, schedule).await?;
            }
        }
    }
    Ok(())
}

/// A statement that ends with `IN`, on these ids.
fn among<'q, 'i>(statement: &str, ids: impl ExactSizeIterator<Item = &'i str>) -> Sql<'q> {
    let text = format!("{statement}{}", places(1, ids.len()));
    ids.fold(sql_of_parts(text), |query, id| query.bind(id.to_owned()))
}
