//! Resets: a service emptied.

use bulkhead_model::{Failure, JobId, JobKind, Method, OrganizationId, Result, ServiceId};
use serde_json::Value;

use super::create::made_before;
use super::{Draft, Job, insert, wait_for};
use crate::catalog::Catalog;
use crate::idempotency::{self, Idempotency, Made};

/// A reset to be run.
#[derive(Clone, Debug)]
pub struct NewReset {
    /// Whose service it is.
    pub organization: OrganizationId,
    /// What is emptied.
    pub service: ServiceId,
    /// The job that has to end first, one way or another.
    pub after: Option<JobId>,
    /// What was asked, for the engine. Never holds a secret.
    pub request: Value,
    /// Attempts allowed, at least 1.
    pub attempts_max: u32,
    /// So that a request that comes twice is carried out once.
    pub idempotency: Option<Idempotency>,
}

const KIND: &str = "reset";

impl Catalog {
    /// Schedules a reset. On its service it excludes what a restore excludes.
    ///
    /// # Errors
    /// `conflict` when the idempotency key stands for another request.
    pub async fn schedule_reset(&self, new: NewReset) -> Result<Made<Job>> {
        let mut session = self.begin().await?;
        let (organization, key) = (new.organization.clone(), new.idempotency);
        if let Some(object) = idempotency::begin(&mut session, &organization, key.as_ref(), KIND).await? {
            drop(session);
            return Ok(Made::before(self.job(&organization, &made_before(&object)?).await?));
        }
        let method: Method = KIND.parse().map_err(Failure::internal)?;
        let draft = Draft {
            id: JobId::new(),
            organization: new.organization,
            service: new.service,
            kind: JobKind::Reset,
            method,
            target: None,
            backup: None,
            restore: None,
            schedule: None,
            request: new.request,
            attempts_max: new.attempts_max,
        };
        let job = insert(&mut session, draft).await?;
        if let Some(after) = &new.after {
            wait_for(&mut session, &job.id, after).await?;
        }
        idempotency::settle(&mut session, &organization, key.as_ref(), job.id.as_str()).await?;
        session.commit().await?;
        Ok(Made::now(job))
    }
}
