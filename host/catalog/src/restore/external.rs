//! Restores from files that Bulkhead has not made.

use bulkhead_model::{BackupId, Failure, JobId, Method, OrganizationId, RestoreId, Result, ServiceId, TargetId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Draft, KIND, Restore, Row, restored_before, write};
use crate::catalog::Catalog;
use crate::fields::Fields;
use crate::idempotency::{self, Idempotency, Made};
use crate::job::Job;
use crate::session::sql;

/// Where a file lies, and by what it was made. Holds no secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreSource {
    /// As it was asked for: `s3://...`.
    pub bucket: String,
    /// The file in it.
    pub key: String,
    /// As it was asked for: `mariabackup` or `mysqldump`.
    pub method: String,
    /// The storage plugin and its configuration, for the engine.
    pub plugin: String,
    /// See `plugin`.
    pub config: Value,
}

/// A restore from a file to be run.
#[derive(Clone, Debug)]
pub struct NewExternalRestore {
    /// Whose service it is.
    pub organization: OrganizationId,
    /// What is overwritten.
    pub service: ServiceId,
    /// The service's engine.
    pub engine: String,
    /// Stands for the file, as if it were a backup.
    pub backup: BackupId,
    /// The method that restores it.
    pub method: Method,
    /// The word that stands for its bucket among the targets, for the limits on them.
    pub target: TargetId,
    /// What it is.
    pub source: RestoreSource,
    /// What opens it, sealed.
    pub sealed: String,
    /// The job that has to end first, one way or another.
    pub after: Option<JobId>,
    /// What was asked, for the engine. Never holds a secret.
    pub request: Value,
    /// Attempts allowed, at least 1.
    pub attempts_max: u32,
    /// So that a request that comes twice is carried out once.
    pub idempotency: Option<Idempotency>,
}

impl Catalog {
    /// Schedules a restore from a file.
    ///
    /// # Errors
    /// `conflict` when the idempotency key stands for another request.
    pub async fn schedule_external_restore(&self, new: NewExternalRestore) -> Result<Made<(Restore, Job)>> {
        let mut session = self.begin().await?;
        let (organization, key) = (new.organization.clone(), new.idempotency.clone());
        if let Some(object) = idempotency::begin(&mut session, &organization, key.as_ref(), KIND).await? {
            drop(session);
            return restored_before(self, &organization, &object).await;
        }
        let job = JobId::new();
        let query = sql(
            "INSERT INTO backups (id, organization, service, method, engine, name, target, job, created_at_us, state,
                 plain_bytes, stored_bytes)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'deleted', 0, 0)",
        )
        .bind(new.backup.as_str().to_owned())
        .bind(new.organization.as_str().to_owned())
        .bind(new.service.as_str().to_owned())
        .bind(new.method.as_str().to_owned())
        .bind(new.engine)
        .bind(Some(new.source.key.clone()))
        .bind(new.target.as_str().to_owned())
        .bind(job.as_str().to_owned())
        .bind(session.now().as_micros());
        session.execute_one("what stands for a file", query).await?;
        let row = Row {
            uses: &[],
            plan: None,
            partial: false,
            source: Some((&new.source, &new.sealed)),
            after: new.after.as_ref(),
        };
        let draft = Draft {
            organization: new.organization,
            service: new.service,
            method: new.method,
            target: new.target,
            backup: new.backup,
            job,
            request: new.request,
            attempts_max: new.attempts_max,
        };
        let made = write(&mut session, row, draft).await?;
        idempotency::settle(&mut session, &organization, key.as_ref(), made.1.id.as_str()).await?;
        session.commit().await?;
        Ok(Made::now(made))
    }

    /// What opens the file of a restore, sealed; nothing once the restore has ended.
    ///
    /// # Errors
    /// `not-found` when the organization has no such restore.
    pub async fn restore_secrets(&self, organization: &OrganizationId, id: RestoreId) -> Result<Option<String>> {
        let query = sql("SELECT source_sealed FROM restores WHERE id = $1 AND organization = $2")
            .bind(id.0)
            .bind(organization.as_str().to_owned());
        match self.rows(query).await?.first() {
            Some(row) => Fields(row).optional_text("source_sealed"),
            None => Err(Failure::not_found(format!("there is no restore {id}"))),
        }
    }
}
