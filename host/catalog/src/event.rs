//! What happened to a job, in order, for those who watch it.

use bulkhead_model::{AttemptId, Failure, JobId, Result, Timestamp};
use serde_json::Value;
use sqlx::any::AnyRow;

use crate::catalog::Catalog;
use crate::fields::{Fields, big, json};
use crate::session::{Session, sql, sql_of_parts};

/// Jobs whose events are pruned in one call.
const JOBS_PRUNED: i64 = 256;

/// One thing that happened to a job.
#[derive(Clone, Debug, PartialEq)]
pub struct JobEvent {
    /// The job.
    pub job: JobId,
    /// 1, 2, 3, ... within the job, without gaps.
    pub sequence: i64,
    /// When.
    pub at: Timestamp,
    /// Within which attempt.
    pub attempt: Option<AttemptId>,
    /// `state` (the catalog writes these itself), `phase`, `log`.
    pub kind: String,
    /// What; its shape follows from the kind. Of `state`: `{state, attempt?: number, failure?}`.
    pub body: Value,
}

impl JobEvent {
    fn from_row(row: &AnyRow) -> Result<Self> {
        let row = Fields(row);
        Ok(Self {
            job: row.parsed("job")?,
            sequence: row.number("sequence")?,
            at: row.time("at_us")?,
            attempt: row.optional_parsed("attempt")?,
            kind: row.text("kind")?,
            body: row.json("body")?,
        })
    }
}

impl Catalog {
    /// Adds an event; answers its sequence.
    ///
    /// # Errors
    /// `not-found` when there is no such job.
    pub async fn append_event(
        &self,
        job: &JobId,
        attempt: Option<&AttemptId>,
        kind: &str,
        body: &Value,
    ) -> Result<i64> {
        let mut session = self.begin().await?;
        let sequence = append(&mut session, job, attempt, kind, body).await?;
        session.commit().await?;
        Ok(sequence)
    }

    /// At most `limit` events of a job after a sequence (0: from the first), oldest first.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn events(&self, job: &JobId, after_sequence: i64, limit: u32) -> Result<Vec<JobEvent>> {
        let query = sql("SELECT * FROM job_events WHERE job = $1 AND sequence > $2 ORDER BY sequence LIMIT $3")
            .bind(job.as_str())
            .bind(after_sequence)
            .bind(i64::from(limit));
        self.rows(query).await?.iter().map(JobEvent::from_row).collect()
    }

    /// Forgets at most `limit` events of jobs that ended before an instant, those of the longest ended first; answers how
    /// many. The jobs themselves remain. To be called again until it answers 0.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn prune_events(&self, before: Timestamp, limit: u32) -> Result<u64> {
        let mut session = self.begin().await?;
        let text = format!(
            "SELECT id FROM jobs WHERE events_pruned = 0 AND finished_at_us IS NOT NULL AND finished_at_us < $1
             ORDER BY finished_at_us LIMIT $2{}",
            session.for_update_skipping()
        );
        let jobs = session.rows(sql_of_parts(text).bind(before.as_micros()).bind(JOBS_PRUNED)).await?;
        let mut left = u64::from(limit);
        for row in &jobs {
            let job = Fields(row).text("id")?;
            let query = sql("DELETE FROM job_events WHERE job = $1 AND sequence IN (
                     SELECT sequence FROM job_events WHERE job = $1 ORDER BY sequence LIMIT $2)")
            .bind(job.clone())
            .bind(big(left));
            left -= session.execute(query).await?;
            if left == 0 {
                break;
            }
            let query = sql("UPDATE jobs SET events_pruned = 1 WHERE id = $1").bind(job);
            session.execute_one("a job without events", query).await?;
        }
        session.commit().await?;
        Ok(u64::from(limit) - left)
    }
}

/// Adds an event within a transaction. The job's row orders those who do so at the same time.
pub(crate) async fn append(
    session: &mut Session,
    job: &JobId,
    attempt: Option<&AttemptId>,
    kind: &str,
    body: &Value,
) -> Result<i64> {
    let query =
        sql("UPDATE jobs SET last_event = last_event + 1 WHERE id = $1 RETURNING last_event").bind(job.as_str());
    let Some(row) = session.row(query).await? else {
        return Err(Failure::not_found(format!("there is no job {job}")));
    };
    let sequence = Fields(&row).number("last_event")?;
    let query =
        sql("INSERT INTO job_events (job, sequence, at_us, attempt, kind, body) VALUES ($1, $2, $3, $4, $5, $6)")
            .bind(job.as_str())
            .bind(sequence)
            .bind(session.now().as_micros())
            .bind(attempt.map(|attempt| attempt.as_str().to_owned()))
            .bind(kind.to_owned())
            .bind(json(body)?);
    session.execute_one("a new event", query).await?;
    Ok(sequence)
}
