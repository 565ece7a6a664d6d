//! Asking for a reset.

use bulkhead_catalog::{Job, Made, NewReset};
use bulkhead_model::{Failure, OrganizationId, Result};
use serde_json::json;

use super::Engine;
use crate::request::{CreateReset, ResetRequestBody};

/// The engine whose servers are emptied over SQL; SurrealDB has a client of its own.
const MARIADB: &str = "mariadb";

impl Engine {
    /// Schedules a reset, and the backup that is to be made first, if one is wanted.
    ///
    /// # Errors
    /// `not-found` for an unknown service, `unsupported` for an engine that this host cannot empty, `conflict` when a backup is
    /// wanted of a closed service, or when the idempotency key stands for another request.
    pub async fn create_reset(&self, organization: &OrganizationId, ask: CreateReset) -> Result<Made<Job>> {
        let inner = &self.inner;
        if let Some(job) = inner.catalog.job_made_before(organization, ask.idempotency.as_ref()).await? {
            return Ok(Made { value: job, replayed: true });
        }
        let service = inner.service(organization, &ask.service)?;
        if service.surrealdb.is_none() && service.engine != MARIADB {
            return Err(Failure::unsupported(format!("services of {} cannot be reset", service.engine))
                .with_hint("restore a backup of an empty server instead"));
        }
        let safety_backup = match ask.safety_backup {
            true => Some(inner.base_backup(service, "before-reset").await?),
            false => None,
        };
        let made = inner
            .catalog
            .schedule_reset(NewReset {
                organization: organization.clone(),
                service: service.id.clone(),
                request: json!(ResetRequestBody { safety_backup: safety_backup.clone() }),
                after: safety_backup,
                attempts_max: inner.config.limits.attempts_max,
                idempotency: ask.idempotency,
            })
            .await?;
        inner.wake();
        Ok(made)
    }
}
