//! Attempts: one try of a job each. The row is the lease: while it says `leased`, its holder works on the job and nobody
//! else does.

mod claim;
mod heartbeat;
mod lost;
mod outcome;
mod recovered;

use bulkhead_model::{AttemptId, AttemptState, Failure, JobId, Result, Timestamp};
use sqlx::any::AnyRow;

use crate::catalog::Catalog;
use crate::fields::{Fields, optional_json};
use crate::session::{Session, sql};

pub use heartbeat::{Heartbeat, Progress};
pub use lost::Lease;
pub use outcome::Completed;
pub(crate) use outcome::{lock_job, succeed};

/// One try of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Its id; whoever knows it holds the lease.
    pub id: AttemptId,
    /// What it tries.
    pub job: JobId,
    /// 1 for the first.
    pub number: u32,
    /// Where it stands.
    pub state: AttemptState,
    /// Who holds it.
    pub host: String,
    /// Taken to be lost when not renewed by then.
    pub lease_until: Timestamp,
    /// When it was claimed.
    pub started_at: Timestamp,
    /// When it ended or was found lost.
    pub finished_at: Option<Timestamp>,
    /// Why it did not succeed.
    pub failure: Option<Failure>,
    /// Of a restore or reset: the service holds what it is to hold. Nothing is left to do.
    pub settled: bool,
}

impl Attempt {
    fn from_row(row: &AnyRow) -> Result<Self> {
        let row = Fields(row);
        Ok(Self {
            id: row.parsed("id")?,
            job: row.parsed("job")?,
            number: row.unsigned("number")?,
            state: row.parsed("state")?,
            host: row.text("host")?,
            lease_until: row.time("lease_until_us")?,
            started_at: row.time("started_at_us")?,
            finished_at: row.optional_time("finished_at_us")?,
            failure: row.optional_json("failure")?,
            settled: row.optional_time("settled_at_us")?.is_some(),
        })
    }
}

impl Catalog {
    /// The attempts of a job, the first one first.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn attempts(&self, job: &JobId) -> Result<Vec<Attempt>> {
        let query = sql("SELECT * FROM attempts WHERE job = $1 ORDER BY number").bind(job.as_str());
        self.rows(query).await?.iter().map(Attempt::from_row).collect()
    }
}

/// Ends an attempt that still holds its lease.
///
/// # Errors
/// `conflict` when it does not.
async fn end(session: &mut Session, id: &AttemptId, to: AttemptState, failure: Option<&Failure>) -> Result<Attempt> {
    let query = sql("UPDATE attempts SET state = $1, failure = $2, finished_at_us = $3
         WHERE id = $4 AND state = 'leased' RETURNING *")
    .bind(to.as_str())
    .bind(optional_json(failure)?)
    .bind(session.now().as_micros())
    .bind(id.as_str());
    match session.row(query).await? {
        Some(row) => Attempt::from_row(&row),
        None => Err(lease_is_gone(id)),
    }
}

pub(crate) fn lease_is_gone(id: &AttemptId) -> Failure {
    Failure::conflict(format!("attempt {id} no longer holds its lease"))
}
