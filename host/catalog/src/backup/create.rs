//! Making backups.

use std::collections::HashMap;

use bulkhead_model::{
    BackupId, Failure, JobId, JobKind, Method, OrganizationId, Result, ScheduleId, ServiceId, TargetId,
};
use serde_json::Value;

use super::{Backup, copies, lock_succeeded};
use crate::catalog::Catalog;
use crate::fields::Fields;
use crate::idempotency::{self, Idempotency, Made};
use crate::job::{self, Draft, Job};
use crate::schedule::{self, Schedule};
use crate::session::{Session, batches, places, sql, sql_of_parts};

/// A backup to be made.
#[derive(Clone, Debug)]
pub struct NewBackup {
    /// Whose it is.
    pub organization: OrganizationId,
    /// What is backed up.
    pub service: ServiceId,
    /// How.
    pub method: Method,
    /// The service's engine.
    pub engine: String,
    /// The name a person gave it.
    pub name: Option<String>,
    /// Where it is kept.
    pub target: TargetId,
    /// Where it is kept besides.
    pub copies: Vec<TargetId>,
    /// The server's name, the last part of the backup's id.
    pub server: String,
    /// The backup it is restored on top of.
    pub parent: Option<BackupId>,
    /// What was asked, for the engine. Never holds a secret.
    pub request: Value,
    /// Attempts allowed, at least 1.
    pub attempts_max: u32,
    /// So that a request that comes twice is carried out once.
    pub idempotency: Option<Idempotency>,
}

impl Catalog {
    /// Writes a schedule that runs once, and its backup to be made now.
    ///
    /// # Errors
    /// `not-found` and `conflict` when the parent is missing, did not succeed or is being deleted; `conflict` when the
    /// idempotency key stands for another request.
    pub async fn schedule_backup(&self, new: NewBackup) -> Result<Made<(Schedule, Backup, Job)>> {
        let mut session = self.begin().await?;
        let key = new.idempotency.as_ref();
        if let Some(object) = idempotency::begin(&mut session, &new.organization, key, KIND).await? {
            drop(session);
            return self.backup_made_before(&new.organization, &object).await.map(Made::before);
        }
        if let Some(parent) = &new.parent {
            lock_succeeded(&mut session, &new.organization, parent).await?;
        }
        let schedule = schedule::insert_once(&mut session, &new).await?;
        let organization = new.organization.clone();
        let key = new.idempotency.clone();
        let (draft, job) = drafts(new, Some(schedule.id));
        let backup = insert(&mut session, vec![draft]).await?.pop();
        let backup = backup.ok_or_else(|| Failure::internal("a new backup was not written"))?;
        let job = job::insert(&mut session, job).await?;
        idempotency::settle(&mut session, &organization, key.as_ref(), job.id.as_str()).await?;
        session.commit().await?;
        Ok(Made::now((schedule, backup, job)))
    }

    /// Writes a backup to be made now, unless one of the same method of the service waits or runs already: for what goes on
    /// and on, which nobody asks for one by one. It has no schedule.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn keep_backup_going(&self, new: NewBackup) -> Result<Option<(Backup, Job)>> {
        let mut session = self.begin().await?;
        // Other hosts that look at the same time queue here.
        job::ensure_lock(&mut session, &new.service).await?;
        let query = sql("UPDATE service_locks SET claims = claims + 1 WHERE service = $1")
            .bind(new.service.as_str().to_owned());
        session.execute_one("locking a service", query).await?;
        let query =
            sql("SELECT id FROM jobs WHERE service = $1 AND method = $2 AND kind = 'backup' AND state = 'scheduled'
             UNION ALL
             SELECT id FROM jobs WHERE service = $1 AND method = $2 AND kind = 'backup' AND state = 'running'")
            .bind(new.service.as_str().to_owned())
            .bind(new.method.as_str().to_owned());
        if session.row(query).await?.is_some() {
            return Ok(None);
        }
        let (draft, job) = drafts(new, None);
        let backup = insert(&mut session, vec![draft]).await?.pop();
        let backup = backup.ok_or_else(|| Failure::internal("a new backup was not written"))?;
        let job = job::insert(&mut session, job).await?;
        session.commit().await?;
        Ok(Some((backup, job)))
    }

    async fn backup_made_before(&self, organization: &OrganizationId, object: &str) -> Result<(Schedule, Backup, Job)> {
        let job = self.job(organization, &job::made_before(object)?).await?;
        let (Some(schedule), Some(backup)) = (job.schedule, &job.backup) else {
            return Err(Failure::internal(format!("job {} makes no backup", job.id)));
        };
        let backup = self.backup(organization, backup).await?;
        Ok((self.schedule_or_deleted(organization, schedule).await?, backup, job))
    }
}

const KIND: &str = "backup";

/// What a new backup is made of.
pub(crate) struct BackupDraft {
    pub(crate) id: BackupId,
    pub(crate) organization: OrganizationId,
    pub(crate) service: ServiceId,
    pub(crate) method: Method,
    pub(crate) engine: String,
    pub(crate) name: Option<String>,
    pub(crate) target: TargetId,
    pub(crate) copies: Vec<TargetId>,
    pub(crate) job: JobId,
    pub(crate) parent: Option<BackupId>,
}

/// The rows of a new backup and of the job that makes it.
fn drafts(new: NewBackup, schedule: Option<ScheduleId>) -> (BackupDraft, Draft) {
    let draft = BackupDraft {
        id: BackupId::new(&new.service, &new.server),
        organization: new.organization.clone(),
        service: new.service.clone(),
        method: new.method.clone(),
        engine: new.engine,
        name: new.name,
        target: new.target.clone(),
        copies: new.copies,
        job: JobId::new(),
        parent: new.parent,
    };
    let job = Draft {
        id: draft.job.clone(),
        organization: new.organization,
        service: new.service,
        kind: JobKind::Backup,
        method: new.method,
        target: Some(new.target),
        backup: Some(draft.id.clone()),
        restore: None,
        schedule,
        request: new.request,
        attempts_max: new.attempts_max,
    };
    (draft, job)
}

/// Writes new backups, to be made by jobs; answers them in the same order.
pub(crate) async fn insert(session: &mut Session, drafts: Vec<BackupDraft>) -> Result<Vec<Backup>> {
    let mut backups = Vec::with_capacity(drafts.len());
    for batch in batches(&drafts) {
        let text = format!(
            "INSERT INTO backups (id, organization, service, method, engine, name, target, job, parent, created_at_us,
                 state, plain_bytes, stored_bytes)
             SELECT v.*, 'scheduled', 0, 0 FROM (VALUES {}) AS v RETURNING *",
            places(batch.len(), 10)
        );
        let mut query = sql_of_parts(text);
        for draft in batch {
            query = query
                .bind(draft.id.as_str().to_owned())
                .bind(draft.organization.as_str().to_owned())
                .bind(draft.service.as_str().to_owned())
                .bind(draft.method.as_str().to_owned())
                .bind(draft.engine.clone())
                .bind(draft.name.clone())
                .bind(draft.target.as_str().to_owned())
                .bind(draft.job.as_str().to_owned())
                .bind(draft.parent.as_ref().map(|parent| parent.as_str().to_owned()))
                .bind(session.now().as_micros());
        }
        let rows = session.rows(query).await?;
        let mut written: HashMap<String, Backup> = HashMap::with_capacity(rows.len());
        for row in &rows {
            written.insert(Fields(row).text("id")?, Backup::from_row(row)?);
        }
        for draft in batch {
            let backup = written.remove(draft.id.as_str());
            let backup = backup.ok_or_else(|| Failure::internal("a new backup was not written"))?;
            session.counts.moved(&backup.counted(), None, Some(backup.state.as_str()));
            copies::expect(session, &backup.id, &draft.job, &draft.copies).await?;
            backups.push(backup);
        }
    }
    Ok(backups)
}
