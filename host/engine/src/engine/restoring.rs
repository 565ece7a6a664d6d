//! Asking for restores: what would be restored, whether it can be, and the job that does it.

use bulkhead_catalog::{Backup, Job, Made, NewBackup, NewRestore, Restore};
use bulkhead_model::recovery::{RecoveryPlan, RecoveryWindow, Until};
use bulkhead_model::{BackupId, Failure, JobId, Method, OrganizationId, Result, ServiceId};
use bulkhead_runtime::ChainKind;
use serde_json::json;

use super::ask::{Destination, needs_server, require_succeeded};
use super::{Engine, Inner};
use crate::config::ServiceConfig;
use crate::drills::can_be_drilled;
use crate::history;
use crate::request::{CreateRestore, Partial, RestoreFrom, RestorePreview, RestoreRequestBody};
use crate::swap;
use crate::twin::{self, Wanted};
use crate::verb::can_be_swapped;

/// What a physical restore writes besides what is stored: logs made anew, and growth while it is prepared.
const STAGED_MARGIN: u64 = 256 << 20;

/// The methods to be preferred for a backup that nobody named one for.
const BASE_METHODS: [&str; 3] = ["full", "dump", "export"];

/// A restore that was looked into.
struct Looked<'a> {
    service: &'a ServiceConfig,
    plan: RecoveryPlan,
    /// The last backup of the chain.
    base: Backup,
    /// What has to be said of the server that it would be restored in.
    warnings: Vec<String>,
}

impl Engine {
    /// Schedules a restore, and the backup that is to be made first, if one is wanted.
    ///
    /// # Errors
    /// `not-found` for an unknown service or backup, `conflict` for an ambiguous prefix, a backup that has not succeeded or an
    /// idempotency key that stands for another request, `invalid` when the service's engine is not the backup's or when the moment
    /// lies outside the recovery window, which is named then.
    pub async fn create_restore(
        &self,
        organization: &OrganizationId,
        ask: CreateRestore,
    ) -> Result<Made<(Restore, Job)>> {
        if let RestoreFrom::File(file) = &ask.from {
            return self.inner.create_external_restore(organization, &ask, file).await;
        }
        let looked = self.inner.look_into(organization, &ask).await?;
        let safety_backup = match ask.safety_backup {
            true => Some(self.inner.base_backup(looked.service, "before-restore").await?),
            false => None,
        };
        let plan = &looked.plan;
        let body = RestoreRequestBody {
            only: ask.only.clone(),
            safety_backup: safety_backup.clone(),
            ..RestoreRequestBody::default()
        };
        let made = self
            .inner
            .catalog
            .schedule_restore(NewRestore {
                organization: organization.clone(),
                service: looked.service.id.clone(),
                backup: looked.base.id.clone(),
                uses: plan.chain.iter().chain(&plan.logs).filter(|id| **id != looked.base.id).cloned().collect(),
                plan: Some(json!(plan)),
                partial: ask.only.is_some(),
                after: safety_backup,
                attempts_max: self.inner.config.limits.attempts_max,
                request: json!(body),
                idempotency: ask.idempotency,
            })
            .await?;
        self.inner.wake();
        Ok(made)
    }

    /// What a restore would do, without doing it.
    ///
    /// # Errors
    /// As [`create_restore`](Self::create_restore).
    pub async fn preview_restore(&self, organization: &OrganizationId, ask: &CreateRestore) -> Result<RestorePreview> {
        let inner = &self.inner;
        let Looked { service, plan, base, mut warnings } = inner.look_into(organization, ask).await?;
        let mut backups = Vec::new();
        for id in plan.chain.iter().chain(&plan.logs) {
            let backup = inner.catalog.backup(organization, id).await?;
            backups.push((backup.id, backup.method, backup.plain_bytes, backup.stored_bytes));
        }
        let chain = backups.iter().filter(|(id, ..)| plan.chain.contains(id));
        let chain_bytes: u64 = chain.map(|(_, _, plain, _)| plain).sum();
        let plugin = inner.runtime.method(&service.engine, &base.method)?;
        let staged = needs_server(plugin.info());
        let in_place = ask.only.is_none();
        let swapped = in_place && (staged || !plan.logs.is_empty() || can_be_swapped(service));
        let loaded_live = in_place && !swapped;
        let (disk_needed, disk_free) = if loaded_live {
            (0, None)
        } else {
            let place = service.data_dir.as_deref().filter(|_| in_place);
            let bytes = if staged { chain_bytes + chain_bytes / 10 + STAGED_MARGIN } else { chain_bytes * 2 };
            (bytes, swap::free_beside(place.unwrap_or(&inner.drill_dir())))
        };
        if swapped && !staged {
            warnings.push(
                "a database of the service that the dump does not hold stays: where there is one, the dump is loaded into the running server instead of being swapped in".to_owned(),
            );
        }
        if loaded_live {
            warnings.push(format!(
                "{} is loaded into the running server: when it fails half way, the service stays closed until a restore succeeds; `bulkhead backup restore --safety-backup` takes a backup first",
                if service.surrealdb.is_some() { "an export" } else { "a dump" }
            ));
        }
        warnings.extend(ask.only.as_ref().and_then(left_behind));
        if can_be_drilled(service) && base.verified_level.as_deref() != Some("drill") {
            warnings.push(format!("backup `{}` was never restored in a drill", base.id));
        }
        if swapped {
            warnings.extend(swap_warnings(service.clone()).await);
        }
        if disk_free.is_some_and(|free| free < disk_needed) {
            warnings.push("there is not enough disk space".to_owned());
        }
        let downtime = if swapped {
            "a restart of the server: it answers until the restored data is ready, then it is stopped, the directories are swapped, and it is started"
        } else if loaded_live {
            "none of the server, but its databases are dropped and made again while it runs; a front door before it is closed meanwhile"
        } else {
            "none: the part is added while the server runs"
        };
        Ok(RestorePreview { plan, backups, disk_needed, disk_free, downtime: downtime.to_owned(), in_place, warnings })
    }

    /// The moments that a service can be restored to.
    ///
    /// # Errors
    /// Only those of the catalog; a service that this host does not know has the window that its backups make.
    pub async fn recovery_window(&self, organization: &OrganizationId, service: &ServiceId) -> Result<RecoveryWindow> {
        let history = history::of(&self.inner, organization, service).await?;
        Ok(history.window(self.inner.clock.now()))
    }
}

/// What there is to know before a service's data directory is swapped.
async fn swap_warnings(service: ServiceConfig) -> Vec<String> {
    let looked = tokio::task::spawn_blocking(move || {
        let mut warnings = Vec::new();
        if let Err(failure) = swap::check_possible(&service) {
            warnings.push(format!("service `{}` cannot be restored by a swap: {failure}", service.id));
        }
        warnings.extend(swap::side_effects(&service));
        let extras = swap::taken_over(&service);
        if !extras.is_empty() {
            warnings.push(format!("no backup holds these files of the data directory, which are taken over: {extras}"));
        }
        warnings
    });
    looked.await.unwrap_or_default()
}

/// What a part is without under another name, whatever it holds.
fn left_behind(part: &Partial) -> Option<String> {
    let renamed = |name: &Option<String>, to: &Option<String>| to.is_some() && to != name;
    let database = Some(part.database.clone());
    match (renamed(&database, &part.as_database), &part.table) {
        (true, None) => Some(format!(
            "under another name database `{}` comes without its events, and without routines, triggers and views whose text names it; the restore says which",
            part.database
        )),
        (moved, Some(table)) if moved || renamed(&part.table, &part.as_table) => Some(format!(
            "under another name table `{}`.`{table}` comes without its triggers, and in the same database without its foreign keys; the restore says which",
            part.database
        )),
        _ => None,
    }
}

impl Inner {
    async fn look_into(&self, organization: &OrganizationId, ask: &CreateRestore) -> Result<Looked<'_>> {
        let service = self.service(organization, &ask.service)?;
        if ask.only.is_some() && service.surrealdb.is_some() {
            return Err(Failure::unsupported(format!(
                "service `{}` runs {}: its backups are restored whole",
                service.id, service.engine
            ))
            .with_hint("restore into another service, and take the part from there"));
        }
        let plan = match &ask.from {
            RestoreFrom::Backup(named) => {
                let backup = self.catalog.resolve_backup(organization, named).await?;
                require_succeeded(&backup)?;
                self.plan_from(organization, &backup, ask.until.as_ref()).await?
            }
            RestoreFrom::Service(source) => {
                let Some(until) = &ask.until else {
                    return Err(Failure::invalid("`point_in_time` is missing")
                        .with_hint("say to which moment the service is to be restored, or name a backup with `key`"));
                };
                let history = history::of(self, organization, source).await?;
                history.plan(until, None)?
            }
            RestoreFrom::File(_) => {
                return Err(Failure::unsupported("what a file of somebody's own holds is known once it was read")
                    .with_hint("leave `dry_run` out: the file is read to its end before the server is touched"));
            }
        };
        let base = plan.chain.last().ok_or_else(|| Failure::internal("a plan without a backup"))?;
        let base = self.catalog.backup(organization, base).await?;
        if base.engine != service.engine {
            return Err(Failure::invalid(format!(
                "backup `{}` was taken from {}, but service `{}` runs {}",
                base.id, base.engine, service.id, service.engine
            )));
        }
        let plugin = self.runtime.method(&service.engine, &base.method)?;
        if ask.only.is_none() && (needs_server(plugin.info()) || !plan.logs.is_empty()) {
            swap::require_configured(service)?;
        }
        let warnings = match needs_server(plugin.info()) && plan.logs.is_empty() || service.surrealdb.is_some() {
            true => Vec::new(),
            false => self.twin_for(organization, service, &plan, &base, !needs_server(plugin.info())).await?,
        };
        Ok(Looked { service, plan, base, warnings })
    }

    /// Refuses what no server of this host can be restored like, before anything is scheduled; gives what has to be said.
    async fn twin_for(
        &self,
        organization: &OrganizationId,
        service: &ServiceConfig,
        plan: &RecoveryPlan,
        base: &Backup,
        installs: bool,
    ) -> Result<Vec<String>> {
        let mut logs = Vec::new();
        for id in &plan.logs {
            logs.push(self.catalog.backup(organization, id).await?);
        }
        let logs: Vec<_> = logs.iter().filter_map(|log| Some((&log.id, log.report.as_ref()?))).collect();
        let live = twin::of_service(service).await.unwrap_or_default();
        let said = base.report.clone().unwrap_or_default();
        match Wanted::choose(&said, &logs, live.as_ref(), installs) {
            Ok(wanted) => Ok(wanted.warnings),
            // A dump alone can be loaded into the running server.
            Err(failure) if logs.is_empty() => Ok(vec![failure.to_string()]),
            Err(failure) => Err(failure),
        }
    }

    async fn plan_from(
        &self,
        organization: &OrganizationId,
        backup: &Backup,
        until: Option<&Until>,
    ) -> Result<RecoveryPlan> {
        if let Some(until) = until {
            return history::of(self, organization, &backup.service).await?.plan(until, Some(&backup.id));
        }
        if self.is_log(&backup.engine, &backup.method) {
            return Err(Failure::invalid(format!("backup `{}` holds logs, which continue other backups", backup.id))
                .with_hint("restore the service to a moment instead: `point_in_time` or `gtid`"));
        }
        let chain = self.chain_of(organization, backup).await?;
        let why = match chain.len() {
            1 => "the backup restores alone".to_owned(),
            links => format!("the backup is restored on top of {} others", links - 1),
        };
        let at = history::instant(backup.report.as_ref(), backup.started_at.unwrap_or(backup.created_at));
        Ok(RecoveryPlan { chain, logs: Vec::<BackupId>::new(), until: None, at, why })
    }

    /// A backup of the service as it is now, by a method that restores alone; answers the job that makes it.
    pub(crate) async fn base_backup(&self, service: &ServiceConfig, name: &str) -> Result<JobId> {
        self.require_open_then(service).await?;
        let serves = |name: &&&str| {
            let method: Option<Method> = name.parse().ok();
            (**name != "full" || service.data_dir.is_some())
                && method.is_some_and(|method| self.runtime.method(&service.engine, &method).is_ok())
        };
        let method: Method = BASE_METHODS.iter().find(serves).and_then(|name| name.parse().ok()).ok_or_else(|| {
            Failure::unsupported(format!("no plugin makes a backup of service `{}` that restores alone", service.id))
        })?;
        let (_, target) = self.check(&service.organization, &service.id, &method, Destination::default()).await?;
        let new = NewBackup {
            organization: service.organization.clone(),
            service: service.id.clone(),
            method,
            engine: service.engine.clone(),
            name: Some(name.to_owned()),
            target,
            copies: Vec::new(),
            server: service.server_name.clone(),
            parent: None,
            attempts_max: self.config.limits.attempts_max,
            request: json!({}),
            idempotency: None,
        };
        let (_, backup, job) = self.catalog.schedule_backup(new).await?.value;
        tracing::info!(service = %service.id, backup = %backup.id, name, "a backup that restores alone is made");
        self.wake();
        Ok(job.id)
    }

    /// Whether a method's backups only continue others.
    pub(crate) fn is_log(&self, engine: &str, method: &Method) -> bool {
        self.runtime.method(engine, method).is_ok_and(|plugin| plugin.info().chain == Some(ChainKind::Log))
    }
}
