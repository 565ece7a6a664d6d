//! Closed services: those whose data a restore or reset has begun to replace, and that hold neither the old data nor the new until
//! one has succeeded.

use bulkhead_model::{AttemptId, Failure, JobId, OrganizationId, Result, ServiceId, Timestamp};
use sqlx::any::AnyRow;

use crate::attempt::{lease_is_gone, lock_job};
use crate::catalog::Catalog;
use crate::fields::{Fields, plain};
use crate::job::Job;
use crate::session::{Session, sql, sql_of_parts};

/// Why a service is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// The service.
    pub service: ServiceId,
    /// The restore or reset that closed it last.
    pub job: JobId,
    /// Since when it is.
    pub since: Timestamp,
    /// One sentence for people.
    pub reason: String,
}

impl Closed {
    fn from_row(row: &AnyRow) -> Result<Self> {
        let row = Fields(row);
        Ok(Self {
            service: row.parsed("service")?,
            job: row.parsed("job")?,
            since: row.time("since_us")?,
            reason: row.text("reason")?,
        })
    }
}

impl Catalog {
    /// Whether a service is closed, and why.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn closed_service(&self, organization: &OrganizationId, service: &ServiceId) -> Result<Option<Closed>> {
        let query = sql("SELECT * FROM closed_services WHERE organization = $1 AND service = $2")
            .bind(organization.as_str())
            .bind(service.as_str());
        self.rows(query).await?.first().map(Closed::from_row).transpose()
    }

    /// All closed services of an organization.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn closed_services(&self, organization: &OrganizationId) -> Result<Vec<Closed>> {
        let query =
            sql("SELECT * FROM closed_services WHERE organization = $1 ORDER BY service").bind(organization.as_str());
        self.rows(query).await?.iter().map(Closed::from_row).collect()
    }

    /// Closes the service of an attempt's job, or says anew why it is closed. It stays so until a restore or reset of it has
    /// [settled](Self::settle).
    ///
    /// # Errors
    /// `conflict` when the attempt no longer holds its lease.
    pub async fn close_service(&self, attempt: &AttemptId, reason: &str) -> Result<()> {
        let mut session = self.begin().await?;
        let job = leased_job(&mut session, attempt).await?;
        write(&mut session, &job, reason).await?;
        session.commit().await
    }

    /// The same for an attempt that a host finds when it starts again: it may have been declared lost meanwhile. One that has
    /// settled closes nothing; answers whether the service is closed by it.
    ///
    /// # Errors
    /// `not-found` when there is no such attempt.
    pub async fn close_service_of(&self, attempt: &AttemptId, reason: &str) -> Result<bool> {
        let mut session = self.begin().await?;
        let query = sql("SELECT job, settled_at_us FROM attempts WHERE id = $1").bind(attempt.as_str());
        let Some(row) = session.row(query).await? else {
            return Err(Failure::not_found(format!("there is no attempt {attempt}")));
        };
        let row = Fields(&row);
        if row.optional_time("settled_at_us")?.is_some() {
            return Ok(false);
        }
        let job = lock_job(&mut session, &row.parsed("job")?).await?;
        write(&mut session, &job, reason).await?;
        session.commit().await?;
        Ok(true)
    }

    /// The service of an attempt's job holds what it is to hold, and is open from now on. Another attempt of the job finds that
    /// nothing is left to do, see [`Attempt::settled`](crate::Attempt::settled).
    ///
    /// # Errors
    /// `conflict` when the attempt no longer holds its lease.
    pub async fn settle(&self, attempt: &AttemptId) -> Result<()> {
        let mut session = self.begin().await?;
        let job = leased_job(&mut session, attempt).await?;
        let query = sql("UPDATE attempts SET settled_at_us = $1 WHERE id = $2")
            .bind(session.now().as_micros())
            .bind(attempt.as_str());
        session.execute_one("a settled attempt", query).await?;
        open(&mut session, &job).await?;
        session.commit().await
    }
}

/// Opens the service of a job that has given it all its data.
pub(crate) async fn open(session: &mut Session, job: &Job) -> Result<()> {
    let query = sql("DELETE FROM closed_services WHERE organization = $1 AND service = $2")
        .bind(job.organization.as_str().to_owned())
        .bind(job.service.as_str().to_owned());
    session.execute(query).await.map(|_| ())
}

async fn write(session: &mut Session, job: &Job, reason: &str) -> Result<()> {
    let query = sql("INSERT INTO closed_services (organization, service, job, since_us, reason)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (organization, service) DO UPDATE SET job = excluded.job, reason = excluded.reason")
    .bind(job.organization.as_str().to_owned())
    .bind(job.service.as_str().to_owned())
    .bind(job.id.as_str().to_owned())
    .bind(session.now().as_micros())
    .bind(plain(reason));
    session.execute_one("a closed service", query).await
}

/// The job of an attempt that holds its lease, until the end of the transaction.
async fn leased_job(session: &mut Session, attempt: &AttemptId) -> Result<Job> {
    let text = format!("SELECT job FROM attempts WHERE id = $1 AND state = 'leased'{}", session.for_update());
    let Some(row) = session.row(sql_of_parts(text).bind(attempt.as_str())).await? else {
        return Err(lease_is_gone(attempt));
    };
    lock_job(session, &Fields(&row).parsed("job")?).await
}
