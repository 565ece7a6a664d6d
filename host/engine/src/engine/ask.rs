//! What the API calls: asks are checked here, written to the catalog, and carried out by the dispatcher.

use bulkhead_catalog::{
    Backup, Idempotency, Job, Made, NewBackup, NewCopy, NewJob, NewSchedule, Schedule, ScheduleChange, ScheduleOrigin,
};
use bulkhead_model::{
    BackupId, BackupState, Failure, JobId, JobKind, Method, OrganizationId, Result, RetentionPolicy, ScheduleId,
    TargetId,
};
use bulkhead_runtime::PluginInfo;
use serde_json::{Value, json};

use super::{Engine, Inner};
use crate::config::ServiceConfig;
use crate::drills::can_be_drilled;
use crate::request::{CreateBackup, CreateSchedule, UpdateSchedule, VerifyLevel};
use crate::retention::{self, RetentionPlan};
use crate::target::ExternalBucket;

impl Engine {
    /// Schedules a backup to be made at once.
    ///
    /// # Errors
    /// `not-found` for an unknown service or target, `unsupported` when no plugin serves the method, `invalid` when the plugin
    /// refuses its configuration, `conflict` when the idempotency key stands for another request.
    pub async fn create_backup(
        &self,
        organization: &OrganizationId,
        ask: CreateBackup,
    ) -> Result<Made<(Schedule, Backup, Job)>> {
        let target = Destination { target: ask.target.as_ref(), external: ask.external.as_ref() };
        let (service, target) = self.inner.check(organization, &ask.service, &ask.method, target).await?;
        self.inner.check_copies(organization, &target, &ask.copies).await?;
        self.inner.require_open_then(service).await?;
        let made = self
            .inner
            .catalog
            .schedule_backup(NewBackup {
                organization: organization.clone(),
                service: service.id.clone(),
                method: ask.method,
                engine: service.engine.clone(),
                name: ask.name,
                target,
                copies: ask.copies,
                server: service.server_name.clone(),
                parent: None,
                attempts_max: self.inner.config.limits.attempts_max,
                request: json!({ "retention": ask.retention }),
                idempotency: ask.idempotency,
            })
            .await?;
        self.inner.wake();
        Ok(made)
    }

    /// Makes a recurring schedule.
    ///
    /// # Errors
    /// As [`create_backup`](Self::create_backup); `invalid` for names that would be too long.
    pub async fn create_schedule(&self, organization: &OrganizationId, ask: CreateSchedule) -> Result<Made<Schedule>> {
        let target = Destination { target: ask.target.as_ref(), external: ask.external.as_ref() };
        let (service, target) = self.inner.check(organization, &ask.service, &ask.method, target).await?;
        self.inner.check_copies(organization, &target, &ask.copies).await?;
        let made = self
            .inner
            .catalog
            .create_schedule(NewSchedule {
                organization: organization.clone(),
                service: service.id.clone(),
                method: ask.method,
                engine: service.engine.clone(),
                server: service.server_name.clone(),
                target,
                copies: ask.copies,
                expression: ask.expression.to_string(),
                zone: ask.zone,
                enabled: ask.enabled,
                misfire: ask.misfire,
                misfire_grace: ask.misfire_grace,
                jitter: ask.jitter,
                retention: ask.retention,
                name: ask.name.map(String::from),
                origin: ScheduleOrigin::Manual,
                idempotency: ask.idempotency,
            })
            .await?;
        self.inner.schedules_changed.notify_one();
        Ok(made)
    }

    /// Changes a recurring schedule.
    ///
    /// # Errors
    /// `not-found` for an unknown schedule or target, `conflict` when it runs once, `invalid` for names that would be too long.
    pub async fn update_schedule(
        &self,
        organization: &OrganizationId,
        id: ScheduleId,
        ask: UpdateSchedule,
    ) -> Result<Schedule> {
        if let Some(target) = &ask.target {
            self.inner.target_named(organization, Some(target)).await?;
        }
        if ask.target.is_some() || ask.copies.is_some() {
            let before = self.inner.catalog.schedule(organization, id).await?;
            let target = ask.target.as_ref().unwrap_or(&before.target);
            self.inner.check_copies(organization, target, ask.copies.as_ref().unwrap_or(&before.copies)).await?;
        }
        let change = ScheduleChange {
            expression: ask.expression.map(|expression| expression.to_string()),
            zone: ask.zone,
            enabled: ask.enabled,
            misfire: ask.misfire,
            misfire_grace: ask.misfire_grace,
            jitter: ask.jitter,
            retention: ask.retention,
            name: ask.name.map(|name| name.map(String::from)),
            target: ask.target,
            copies: ask.copies,
        };
        let schedule = self.inner.catalog.update_schedule(organization, id, change).await?;
        self.inner.schedules_changed.notify_one();
        Ok(schedule)
    }

    /// Deletes a schedule; its backups stay. The jobs of it that wait are cancelled, what runs goes on.
    ///
    /// # Errors
    /// `not-found`; `conflict` while the one job of a one-time schedule runs.
    pub async fn delete_schedule(&self, organization: &OrganizationId, id: ScheduleId) -> Result<Schedule> {
        self.inner.catalog.delete_schedule(organization, id).await
    }

    /// What retention would keep and expire now, of the backups that the schedule's policy covers.
    ///
    /// # Errors
    /// `not-found`; `unavailable` when the service's own retention would say and only another host knows it.
    pub async fn retention_plan(&self, organization: &OrganizationId, id: ScheduleId) -> Result<RetentionPlan> {
        retention::show(&self.inner, organization, id, None).await
    }

    /// The same if the schedule had this policy.
    ///
    /// # Errors
    /// As [`retention_plan`](Self::retention_plan).
    pub async fn retention_plan_with(
        &self,
        organization: &OrganizationId,
        id: ScheduleId,
        policy: RetentionPolicy,
    ) -> Result<RetentionPlan> {
        retention::show(&self.inner, organization, id, Some(policy)).await
    }

    /// Schedules the deletion of a backup, on request with all that is restored on top of it. From now on it cannot be restored.
    ///
    /// # Errors
    /// `not-found`; `conflict` while it is pinned, being made, restored or verified, or when others depend on it.
    pub async fn delete_backup(
        &self,
        organization: &OrganizationId,
        id: &BackupId,
        with_dependants: bool,
    ) -> Result<Job> {
        let new = self.inner.new_job(organization, JobKind::Expire, id);
        let made = self.inner.catalog.schedule_job(NewJob { with_dependants, ..new }).await?;
        self.inner.wake();
        Ok(made.value)
    }

    /// Schedules a check of a backup: of its stored bytes, or of what a server restored from it holds.
    ///
    /// # Errors
    /// `not-found`; `conflict` when the backup has not succeeded, or when the idempotency key stands for another request.
    pub async fn verify_backup(
        &self,
        organization: &OrganizationId,
        id: &BackupId,
        level: VerifyLevel,
        idempotency: Option<Idempotency>,
    ) -> Result<Made<Job>> {
        let new = self.inner.new_job(organization, JobKind::Verify, id);
        if level == VerifyLevel::Drill {
            let backup = self.inner.catalog.backup(organization, id).await?;
            require_drillable(self.inner.services.get(&backup.service))?;
        }
        let request = json!({ "level": level });
        let made = self.inner.catalog.schedule_job(NewJob { idempotency, request, ..new }).await?;
        self.inner.wake();
        Ok(made)
    }

    /// Puts a backup that is there into another target as well.
    ///
    /// # Errors
    /// `not-found`; `conflict` when it did not succeed, or lies there already.
    pub async fn copy_backup(
        &self,
        organization: &OrganizationId,
        id: &BackupId,
        target: &TargetId,
        idempotency: Option<Idempotency>,
    ) -> Result<Made<Job>> {
        let target = self.inner.target_named(organization, Some(target)).await?;
        let new = NewCopy {
            organization: organization.clone(),
            backup: id.clone(),
            target,
            attempts_max: self.inner.config.limits.attempts_max,
            idempotency,
        };
        let made = self.inner.catalog.schedule_copy(new).await?;
        self.inner.wake();
        Ok(made)
    }

    /// Pins a backup, so that neither retention nor a person deletes it, or lets go of it.
    ///
    /// # Errors
    /// `not-found`; `conflict` when it is on its way out.
    pub async fn pin_backup(&self, organization: &OrganizationId, id: &BackupId, pinned: bool) -> Result<Backup> {
        self.inner.catalog.pin_backup(organization, id, pinned).await
    }

    /// Asks for a job to stop. A job that waits stops at once, one that runs within seconds.
    ///
    /// # Errors
    /// `not-found`; `conflict` when it has ended.
    pub async fn cancel_job(&self, organization: &OrganizationId, id: &JobId) -> Result<Job> {
        let job = self.inner.catalog.request_cancel(organization, id).await?;
        self.inner.stop(id);
        let _nobody = self.inner.changes.send(id.clone());
        Ok(job)
    }
}

/// The most targets of one backup besides its own: each holds up the others when it is slow.
const COPIES_MAX: usize = 4;

/// Where a backup is to go: to a target, into a bucket, or to the default target.
#[derive(Clone, Copy, Default)]
pub(crate) struct Destination<'a> {
    pub target: Option<&'a TargetId>,
    pub external: Option<&'a ExternalBucket>,
}

impl Inner {
    /// The targets that a backup goes to besides its own.
    async fn check_copies(&self, organization: &OrganizationId, target: &TargetId, copies: &[TargetId]) -> Result<()> {
        if copies.len() > COPIES_MAX {
            return Err(Failure::invalid(format!(
                "`copies` names {} targets, {COPIES_MAX} are the most",
                copies.len()
            )));
        }
        for (place, copy) in copies.iter().enumerate() {
            if copy == target || copies.iter().take(place).any(|before| before == copy) {
                return Err(Failure::invalid(format!("`copies`: the backup goes to target `{copy}` already"))
                    .with_hint("name each target once, and the first one as `target`"));
            }
            self.target_named(organization, Some(copy)).await?;
        }
        Ok(())
    }

    /// What a backup needs, now or at 02:00: a service, a plugin that takes its configuration, and a target.
    pub(crate) async fn check(
        &self,
        organization: &OrganizationId,
        service: &bulkhead_model::ServiceId,
        method: &Method,
        destination: Destination<'_>,
    ) -> Result<(&ServiceConfig, TargetId)> {
        let service = self.service(organization, service)?;
        let plugin = self.runtime.method(&service.engine, method)?;
        plugin.validate(&self.method_config(service, method)).await?;
        let target = match destination.external {
            Some(bucket) => self.inline_target(organization, bucket).await?,
            None => self.target_named(organization, destination.target).await?,
        };
        Ok((service, target))
    }

    pub(crate) fn new_job(&self, organization: &OrganizationId, kind: JobKind, backup: &BackupId) -> NewJob {
        NewJob {
            organization: organization.clone(),
            kind,
            backup: backup.clone(),
            with_dependants: false,
            request: Value::Null,
            attempts_max: self.config.limits.attempts_max,
            idempotency: None,
        }
    }
}

/// Whether a method replaces the data directory of its service, through staging and swap.
pub(crate) fn needs_server(plugin: &PluginInfo) -> bool {
    plugin.grants.iter().any(|asked| asked.grant == "server")
}

/// A service that another host serves is drilled, or refused, there.
pub(crate) fn require_drillable(service: Option<&ServiceConfig>) -> Result<()> {
    match service.filter(|service| !can_be_drilled(service)) {
        None => Ok(()),
        Some(service) => Err(Failure::unsupported(format!(
            "backups of {} cannot be drilled: there are no throw-away servers of it",
            service.engine
        ))
        .with_hint("verify with level `content`, or restore the backup into a service that is there for that")),
    }
}

pub(super) fn require_succeeded(backup: &Backup) -> Result<()> {
    if backup.state == BackupState::Succeeded {
        return Ok(());
    }
    Err(Failure::conflict(format!("backup `{}` is {}, not succeeded", backup.id, backup.state)))
}
