//! Taking over from hosts that are gone.

use std::time::Duration;

use bulkhead_model::{AttemptId, AttemptState, Failure, FailureKind, Result, Timestamp};

use super::outcome::give_up;
use super::{Attempt, end};
use crate::catalog::Catalog;
use crate::fields::Fields;
use crate::job::Job;
use crate::session::sql;

/// Attempts taken over in one call; the next call takes the rest.
const BATCH: i64 = 1000;

/// A lease as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The attempt that it keeps.
    pub attempt: AttemptId,
    /// Who holds it.
    pub host: String,
    /// Until when, by the clock of its holder.
    pub until: Timestamp,
}

impl Lease {
    fn from_row(row: &sqlx::any::AnyRow) -> Result<Self> {
        let row = Fields(row);
        Ok(Self { attempt: row.parsed("id")?, host: row.text("host")?, until: row.time("lease_until_us")? })
    }
}

impl Catalog {
    /// The leases of all hosts, those that run out first in front.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn leases(&self) -> Result<Vec<Lease>> {
        let query = sql("SELECT id, host, lease_until_us FROM attempts WHERE state = 'leased' ORDER BY lease_until_us");
        self.rows(query).await?.iter().map(Lease::from_row).collect()
    }

    /// Ends the attempts of these leases as lost, except those that were renewed since the leases were read: for a caller who has
    /// watched them for long enough by its own clock, whatever the clocks of their holders show. Otherwise as
    /// [`take_over_lost`](Self::take_over_lost).
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn take_over(&self, leases: &[Lease]) -> Result<Vec<Job>> {
        self.declare_lost(leases, |lease, attempt| attempt.lease_until == lease.until).await
    }

    /// Ends the attempts whose lease ran out more than `grace` ago as lost. Their jobs are scheduled again when attempts
    /// remain, cancelled when that was asked for, otherwise failed; answers these jobs. Safe on any number of hosts.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn take_over_lost(&self, grace: Duration) -> Result<Vec<Job>> {
        let before = self.now().minus(grace);
        let query = sql("SELECT id, host, lease_until_us FROM attempts WHERE state = 'leased' AND lease_until_us < $1
             ORDER BY lease_until_us LIMIT $2")
        .bind(before.as_micros())
        .bind(BATCH);
        let leases: Vec<Lease> = self.rows(query).await?.iter().map(Lease::from_row).collect::<Result<_>>()?;
        self.declare_lost(&leases, |_, attempt| attempt.lease_until < before).await
    }

    /// The same at once for all attempts of a host: for a host that starts again after a crash, under its own name.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn release_host(&self, host: &str) -> Result<Vec<Job>> {
        let query = sql("SELECT id, host, lease_until_us FROM attempts WHERE state = 'leased' AND host = $1")
            .bind(host.to_owned());
        let leases: Vec<Lease> = self.rows(query).await?.iter().map(Lease::from_row).collect::<Result<_>>()?;
        self.declare_lost(&leases, |_, _| true).await
    }

    async fn declare_lost(&self, leases: &[Lease], still: impl Fn(&Lease, &Attempt) -> bool) -> Result<Vec<Job>> {
        let mut jobs = Vec::new();
        for lease in leases {
            let Lease { attempt: id, host, .. } = lease;
            match self.declare_one_lost(lease, &still).await {
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

    async fn declare_one_lost(&self, lease: &Lease, still: &impl Fn(&Lease, &Attempt) -> bool) -> Result<Option<Job>> {
        let mut session = self.begin().await?;
        let failure = Failure::unavailable(format!("host `{}` was lost", lease.host));
        let attempt = match end(&mut session, &lease.attempt, AttemptState::Lost, Some(&failure)).await {
            Err(failure) if failure.kind == FailureKind::Conflict => return Ok(None),
            ended => ended?,
        };
        if !still(lease, &attempt) {
            return Ok(None);
        }
        let job = give_up(&mut session, &attempt, &failure, false, None).await?;
        session.commit().await?;
        Ok(Some(job))
    }
}
