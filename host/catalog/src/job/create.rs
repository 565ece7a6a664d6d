//! Making jobs.

use bulkhead_model::{
    BackupId, Failure, JobId, JobKind, Method, OrganizationId, RestoreId, Result, ScheduleId, ServiceId, TargetId,
};
use serde_json::{Value, json};

use super::{Job, Queue, unfinished};
use crate::backup::{self, Backup};
use crate::catalog::Catalog;
use crate::fields;
use crate::idempotency::{self, Idempotency, Made};
use crate::session::{Session, batches, places, sql, sql_of_parts};

/// A verify or an expire to be run.
#[derive(Clone, Debug)]
pub struct NewJob {
    /// Whose the backup is.
    pub organization: OrganizationId,
    /// [`JobKind::Verify`] or [`JobKind::Expire`].
    pub kind: JobKind,
    /// Of which backup.
    pub backup: BackupId,
    /// Of an expire: also of all backups that are restored on top of it, each by a job of its own.
    pub with_dependants: bool,
    /// What was asked, for the engine. Never holds a secret.
    pub request: Value,
    /// Attempts allowed, at least 1.
    pub attempts_max: u32,
    /// So that a request that comes twice is carried out once.
    pub idempotency: Option<Idempotency>,
}

impl Catalog {
    /// Schedules a verify of a backup that succeeded, or the expiry of one that is not being made. An expiry marks the
    /// backup as [`Deleting`](bulkhead_model::BackupState::Deleting); asked for twice, it is the same job.
    ///
    /// # Errors
    /// `not-found`; `conflict` when the backup's state does not allow it (see [`begin_deleting`](Self::begin_deleting)),
    /// or that of one that depends on it, and when the idempotency key stands for another request.
    pub async fn schedule_job(&self, new: NewJob) -> Result<Made<Job>> {
        let mut session = self.begin().await?;
        let (organization, key) = (new.organization.clone(), new.idempotency.clone());
        if let Some(object) = idempotency::begin(&mut session, &organization, key.as_ref(), KIND).await? {
            drop(session);
            return Ok(Made::before(self.job(&organization, &made_before(&object)?).await?));
        }
        let job = match new.kind {
            JobKind::Verify => {
                let backup = backup::lock_succeeded(&mut session, &new.organization, &new.backup).await?;
                insert(&mut session, draft(&new, backup)).await?
            }
            JobKind::Expire => expire(&mut session, &new).await?,
            JobKind::Backup | JobKind::Restore | JobKind::Reset | JobKind::Copy => {
                return Err(Failure::internal(format!("a {} is not scheduled as a job on a backup", new.kind)));
            }
        };
        idempotency::settle(&mut session, &organization, key.as_ref(), job.id.as_str()).await?;
        session.commit().await?;
        Ok(Made::now(job))
    }
}

const KIND: &str = "job";

/// A job's id, as a key of a request holds it.
pub(crate) fn made_before(object: &str) -> Result<JobId> {
    object.parse().map_err(|error| Failure::internal(format!("the catalog holds a malformed idempotency key: {error}")))
}

/// Marks a backup, and what depends on it when asked to, as on the way out, and makes the jobs. What depends goes first:
/// while it lies there, so does what it is restored on top of.
async fn expire(session: &mut Session, new: &NewJob) -> Result<Job> {
    let backups = backup::mark_deleting(session, &new.organization, &new.backup, new.with_dependants).await?;
    let mut drafts = Vec::with_capacity(backups.len());
    for backup in backups.into_iter().rev() {
        let asked_for = backup.id == new.backup;
        match unfinished(session, &backup.id, JobKind::Expire).await? {
            Some(job) if asked_for => return Ok(job),
            Some(_) => {}
            None => {
                ensure_lock(session, &backup.service).await?;
                drafts.push(draft(new, backup));
            }
        }
    }
    let made = insert_all(session, drafts).await?;
    made.into_iter().last().ok_or_else(|| Failure::internal("no backup was marked to be deleted"))
}

fn draft(new: &NewJob, backup: Backup) -> Draft {
    Draft {
        id: JobId::new(),
        organization: new.organization.clone(),
        service: backup.service,
        kind: new.kind,
        method: backup.method,
        target: Some(backup.target),
        backup: Some(backup.id),
        restore: None,
        schedule: None,
        request: new.request.clone(),
        attempts_max: new.attempts_max,
    }
}

/// What a new job is made of.
pub(crate) struct Draft {
    pub(crate) id: JobId,
    pub(crate) organization: OrganizationId,
    pub(crate) service: ServiceId,
    pub(crate) kind: JobKind,
    pub(crate) method: Method,
    pub(crate) target: Option<TargetId>,
    pub(crate) backup: Option<BackupId>,
    pub(crate) restore: Option<RestoreId>,
    pub(crate) schedule: Option<ScheduleId>,
    pub(crate) request: Value,
    pub(crate) attempts_max: u32,
}

/// Writes a new job, to be claimed from now on.
pub(crate) async fn insert(session: &mut Session, draft: Draft) -> Result<Job> {
    ensure_lock(session, &draft.service).await?;
    let made = insert_all(session, vec![draft]).await?;
    made.into_iter().next().ok_or_else(|| Failure::internal("a new job was not written"))
}

/// Makes the row that claims of a service's jobs queue at.
pub(crate) async fn ensure_lock(session: &mut Session, service: &ServiceId) -> Result<()> {
    // Looked for first: an insert that meets a row waits for the claim that holds it, which may wait for a backup that
    // this transaction holds.
    let lock = sql("INSERT INTO service_locks (service, claims)
         SELECT v.column1, 0 FROM (VALUES ($1)) AS v
         WHERE NOT EXISTS (SELECT 1 FROM service_locks l WHERE l.service = $1) ON CONFLICT (service) DO NOTHING")
    .bind(service.as_str().to_owned());
    session.execute(lock).await.map(|_| ())
}

/// Writes new jobs on services that have their lock row, each with its first event; answers them in the same order, in
/// which they also run.
pub(crate) async fn insert_all(session: &mut Session, drafts: Vec<Draft>) -> Result<Vec<Job>> {
    let now = session.now().as_micros();
    let mut jobs: Vec<Job> = Vec::with_capacity(drafts.len());
    for batch in batches(&drafts) {
        let text = format!(
            "INSERT INTO jobs (id, organization, service, kind, method, target, backup, restore, schedule, request,
                 attempts_max, run_after_us, created_at_us, queue, state, attempts_made, cancel_requested, plain_bytes,
                 stored_bytes, last_event)
             SELECT v.*, 'scheduled', 0, 0, 0, 0, 1 FROM (VALUES {}) AS v RETURNING *",
            places(batch.len(), 14)
        );
        let mut query = sql_of_parts(text);
        for (place, draft) in batch.iter().enumerate() {
            let created = now.saturating_add(i64::try_from(jobs.len() + place).unwrap_or(0));
            query = query
                .bind(draft.id.as_str().to_owned())
                .bind(draft.organization.as_str().to_owned())
                .bind(draft.service.as_str().to_owned())
                .bind(draft.kind.as_str())
                .bind(draft.method.as_str().to_owned())
                .bind(draft.target.as_ref().map(|target| target.as_str().to_owned()))
                .bind(draft.backup.as_ref().map(|backup| backup.as_str().to_owned()))
                .bind(draft.restore.map(|id| id.0))
                .bind(draft.schedule.map(|id| id.0))
                .bind(fields::json(&draft.request)?)
                .bind(i64::from(draft.attempts_max.max(1)))
                .bind(now)
                .bind(created)
                .bind(Queue::of(draft.kind, draft.schedule).as_str());
        }
        let rows = session.rows(query).await?;
        let mut written: Vec<Job> = rows.iter().map(Job::from_row).collect::<Result<_>>()?;
        // The databases do not promise an order.
        written.sort_by_key(|job| job.created_at);
        if written.len() != batch.len() {
            return Err(Failure::internal(format!("{} jobs were to be written, not {}", batch.len(), written.len())));
        }
        for job in &written {
            session.counts.moved(&job.counted(), None, Some(job.state.as_str()));
        }
        begin_events(session, &written).await?;
        jobs.append(&mut written);
    }
    Ok(jobs)
}

async fn begin_events(session: &mut Session, jobs: &[Job]) -> Result<()> {
    let text = format!(
        "INSERT INTO job_events (job, at_us, body, sequence, kind) SELECT v.*, 1, 'state' FROM (VALUES {}) AS v",
        places(jobs.len(), 3)
    );
    let mut query = sql_of_parts(text);
    for job in jobs {
        query = query
            .bind(job.id.as_str().to_owned())
            .bind(session.now().as_micros())
            .bind(fields::json(&json!({ "state": job.state.as_str() }))?);
    }
    session.execute(query).await.map(|_| ())
}
