//! Taking over from hosts that are gone.

use std::time::Duration;

use bulkhead_model::{AttemptId, AttemptState, Failure, FailureKind, Result};
use sqlx::any::AnyRow;

use super::end;
use super::outcome::give_up;
use crate::catalog::Catalog;
use crate::fields::Fields;
use crate::job::Job;
use crate::session::sql;

/// Attempts taken over in one call; the next call takes the rest.
const BATCH: i64 = 1000;

impl Catalog {
    /// Ends the attempts whose lease ran out more than `grace` ago as lost. Their jobs are scheduled again when attempts
    /// remain, cancelled when that was asked for, otherwise failed; answers these jobs. Safe on any number of hosts.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn take_over_lost(&self, grace: Duration) -> Result<Vec<Job>> {
        let before = self.now().minus(grace).as_micros();
        let query = sql("SELECT id, host FROM attempts WHERE state = 'leased' AND lease_until_us < $1
             ORDER BY lease_until_us LIMIT $2")
        .bind(before)
        .bind(BATCH);
        let rows = self.rows(query).await?;
        self.declare_lost(&rows, Some(before)).await
    }

    /// The same at once for all attempts of a host: for a host that starts again after a crash, under its own name.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn release_host(&self, host: &str) -> Result<Vec<Job>> {
        let query = sql("SELECT id, host FROM attempts WHERE state = 'leased' AND host = $1").bind(host.to_owned());
        let rows = self.rows(query).await?;
        self.declare_lost(&rows, None).await
    }

    async fn declare_lost(&self, rows: &[AnyRow], unless_renewed_since: Option<i64>) -> Result<Vec<Job>> {
        let mut jobs = Vec::new();
        for row in rows {
            let (id, host): (AttemptId, String) = (Fields(row).parsed("id")?, Fields(row).text("host")?);
            match self.declare_one_lost(&id, &host, unless_renewed_since).await {
                Ok(Some(job)) => {
                    tracing::warn!(attempt = %id, job = %job.id, host, state = %job.state, "attempt lost");
                    jobs.push(job);
                }
                // Renewed, ended or taken over meanwhile.
                Ok(None) => {}
                Err(failure) if failure.retry => return Err(failure),
                // One bad row must not keep the others from being taken over.
                Err(failure) => tracing::error!(attempt = %id, host, %failure, "attempt could not be taken over"),
            }
        }
        Ok(jobs)
    }

    async fn declare_one_lost(
        &self,
        id: &AttemptId,
        host: &str,
        unless_renewed_since: Option<i64>,
    ) -> Result<Option<Job>> {
        let mut session = self.begin().await?;
        let failure = Failure::unavailable(format!("host `{host}` was lost"));
        let attempt = match end(&mut session, id, AttemptState::Lost, Some(&failure)).await {
            Err(failure) if failure.kind == FailureKind::Conflict => return Ok(None),
            ended => ended?,
        };
        if unless_renewed_since.is_some_and(|since| attempt.lease_until.as_micros() >= since) {
            return Ok(None);
        }
        let job = give_up(&mut session, &attempt, &failure, false, None).await?;
        session.commit().await?;
        Ok(Some(job))
    }
}
