//! A restore whose host died after it was done and before the catalog knew.

use bulkhead_model::{AttemptId, AttemptState, Failure, FailureKind, JobKind, JobState, Result};

use super::outcome::lock_job;
use super::{Attempt, lease_is_gone};
use crate::catalog::Catalog;
use crate::job::{Job, follow};
use crate::session::sql;
use crate::{closed, notice, restore};

impl Catalog {
    /// The restored data is live, as its host has found out when it started again. As [`finish_restore`](Self::finish_restore); but
    /// the attempt may have been declared lost meanwhile, and its job have been scheduled again, failed or been cancelled, as long
    /// as no other attempt has begun. (The one place where a job leaves a final state: what it says there is not true.) Asked for
    /// twice, nothing more happens.
    ///
    /// # Errors
    /// `conflict` when another attempt has begun.
    pub async fn finish_recovered_restore(&self, attempt: &AttemptId, message: &str) -> Result<Job> {
        match self.finish_restore(attempt, message, None).await {
            Err(failure) if failure.kind == FailureKind::Conflict => {}
            finished => return finished,
        }
        let mut session = self.begin().await?;
        let query = sql("UPDATE attempts SET state = 'succeeded', failure = NULL
             WHERE id = $1 AND state IN ('lost', 'succeeded')
                 AND NOT EXISTS (SELECT 1 FROM attempts n WHERE n.job = attempts.job AND n.number > attempts.number)
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
