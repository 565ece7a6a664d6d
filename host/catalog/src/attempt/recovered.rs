//! A restore whose host died after it was done and before the catalog knew.

use bulkhead_model::{AttemptId, AttemptState, Failure, FailureKind, JobKind, JobState, Result};

use super::outcome::lock_job;
use super::{Attempt, lease_is_gone};
use crate::catalog::Catalog;
use crate::fields::Fields;
use crate::job::{Job, follow};
use crate::session::sql;
use crate::{closed, notice, restore};

impl Catalog {
    /// The restored data is live, as its host has found out when it started again. As [`finish_restore`](Self::finish_restore); but
    /// the attempt may have been declared lost meanwhile, or have failed, and so may later ones of its job, whose data did not
    /// replace what this one has put in place. (The one place where an attempt and a job leave a final state: what it says there is
    /// not true.) Asked for twice, nothing more happens.
    ///
    /// # Errors
    /// `conflict` when a later attempt has succeeded; with retry while one runs, which may find the data in place.
    pub async fn finish_recovered_restore(&self, attempt: &AttemptId, message: &str) -> Result<Job> {
        match self.finish_restore(attempt, message, None).await {
            Err(failure) if failure.kind == FailureKind::Conflict => {}
            finished => return finished,
        }
        let mut session = self.begin().await?;
        let query = sql("SELECT COUNT(*) AS running FROM attempts n JOIN attempts a ON a.job = n.job
             WHERE a.id = $1 AND n.number > a.number AND n.state = 'leased'")
        .bind(attempt.as_str());
        let row = session.row(query).await?;
        if row.is_some_and(|row| Fields(&row).unsigned::<u64>("running").is_ok_and(|running| running > 0)) {
            return Err(
                Failure::conflict(format!("a later attempt of the job of {attempt} is running")).with_retry(true)
            );
        }
        let query = sql("UPDATE attempts SET state = 'succeeded', failure = NULL
             WHERE id = $1 AND state IN ('lost', 'failed', 'cancelled', 'succeeded')
                 AND NOT EXISTS (SELECT 1 FROM attempts n WHERE n.job = attempts.job AND n.number > attempts.number
                     AND n.state IN ('leased', 'succeeded'))
             RETURNING *")
        .bind(attempt.as_str());
        let Some(row) = session.row(query).await? else { return Err(lease_is_gone(attempt)) };
        let attempt = Attempt::from_row(&row)?;
        debug_assert_eq!(attempt.state, AttemptState::Succeeded);
        let before = lock_job(&mut session, &attempt.job).await?;
        let (JobKind::Restore, Some(id)) = (before.kind, before.restore) else {
            return Err(Failure::internal(format!("job {} restores nothing", before.id)));
        };
        if before.state == JobState::Succeeded {
            return Ok(before);
        }
        let query = sql("UPDATE jobs SET state = 'succeeded', failure = NULL, finished_at_us = $1
             WHERE id = $2 AND state = $3 RETURNING *")
        .bind(session.now().as_micros())
        .bind(before.id.as_str().to_owned())
        .bind(before.state.as_str());
        let Some(row) = session.row(query).await? else {
            return Err(Failure::internal(format!("the catalog has lost job {}", before.id)));
        };
        let job = Job::from_row(&row)?;
        follow(&mut session, &job, before.state, Some((&attempt.id, attempt.number))).await?;
        restore::set_reached(&mut session, id, message, None).await?;
        closed::open(&mut session, &job).await?;
        notice::record_job(&mut session, &job).await?;
        session.commit().await?;
        Ok(job)
    }
}
