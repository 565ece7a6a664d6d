//! What the API calls: asks are checked here, written to the catalog, and carried out by the dispatcher.

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use bulkhead_catalog::{Backup, Catalog, Job, NewBackup, NewJob, NewRestore, Restore, Schedule};
use bulkhead_model::{
    BackupId, BackupState, Clock, Failure, JobId, JobKind, Method, OrganizationId, Result, ServiceId, TargetId,
};
use bulkhead_runtime::{PluginInfo, Runtime};
use tokio::sync::{broadcast, mpsc};
use tokio::task::JoinHandle;

use crate::config::{EngineConfig, ServiceConfig};
use crate::dispatcher::{self, Order};
use crate::pipeline::Keys;
use crate::request::{CreateBackup, CreateRestore};
use crate::swap::Recovered;
use crate::target::Target;
use crate::{failpoint, swap, sweep};

/// What helps when a service is not found. The same words wherever that is said, so that nobody learns from them which services
/// exist.
pub const SERVICES_HINT: &str = "`bulkhead service list` shows the services of your organization";

/// A running host. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

/// What every attempt of this host shares.
pub(crate) struct Inner {
    pub config: EngineConfig,
    pub catalog: Catalog,
    pub runtime: Runtime,
    pub clock: Arc<dyn Clock>,
    pub keys: Keys,
    pub services: BTreeMap<ServiceId, ServiceConfig>,
    /// Services whose interrupted restore could neither be finished nor undone: nothing runs on them, and a person has to look.
    pub blocked: BTreeMap<ServiceId, Failure>,
    pub targets: BTreeMap<TargetId, Target>,
    /// Jobs of this host that moved.
    pub changes: broadcast::Sender<JobId>,
    orders: mpsc::UnboundedSender<Order>,
    tasks: std::sync::Mutex<Vec<JoinHandle<()>>>,
    /// Held while this process lives: one host per data directory.
    _lock: File,
}

impl Engine {
    /// Finishes what an earlier process of this host left behind, then starts to work on the queue.
    ///
    /// # Errors
    /// A wrong configuration, a catalog that does not answer, a data directory that another host holds, or an interrupted restore
    /// that could neither be finished nor rolled back.
    pub async fn start(
        config: EngineConfig,
        catalog: Catalog,
        runtime: Runtime,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        failpoint::arm(config.fail_at.as_deref())?;
        let lock = lock_data_dir(&config)?;
        clear_scratch(&config)?;
        let keys = Keys::load(&config.encryption)?;
        let mut targets = BTreeMap::new();
        for target in &config.targets {
            targets.insert(target.id.clone(), Target::open(&runtime, target).await?);
        }
        let services: BTreeMap<_, _> = config.services.iter().map(|s| (s.id.clone(), s.clone())).collect();
        let (orders, inbox) = mpsc::unbounded_channel();
        let (changes, _) = broadcast::channel(1024);
        let blocked = end_interrupted_swaps(&catalog, &services).await;
        let inner = Arc::new(Inner {
            config,
            catalog,
            runtime,
            clock,
            keys,
            services,
            blocked,
            targets,
            changes,
            orders,
            tasks: std::sync::Mutex::default(),
            _lock: lock,
        });
        for job in inner.catalog.release_host(&inner.config.host).await? {
            tracing::warn!(job = %job.id, state = %job.state, "an attempt was running when this host last stopped");
        }
        let dispatcher = tokio::spawn(dispatcher::run(Arc::clone(&inner), inbox));
        let sweeper = tokio::spawn(sweep::run(Arc::clone(&inner)));
        if let Ok(mut tasks) = inner.tasks.lock() {
            tasks.extend([dispatcher, sweeper]);
        }
        Ok(Self { inner })
    }

    /// Stops claiming, lets running attempts end within `bound`, then cancels them; their jobs are tried again by whoever comes next.
    pub async fn shutdown(&self, bound: Duration) {
        let _closed = self.inner.orders.send(Order::Shutdown { bound });
        let tasks = self.inner.tasks.lock().map(|mut tasks| std::mem::take(&mut *tasks)).unwrap_or_default();
        let mut tasks = tasks.into_iter();
        if let Some(dispatcher) = tasks.next() {
            let _ended = dispatcher.await;
        }
        for task in tasks {
            task.abort();
        }
    }

    /// The catalog, for reads.
    pub fn catalog(&self) -> &Catalog {
        &self.inner.catalog
    }

    /// The plugins this host has loaded.
    pub fn plugins(&self) -> Vec<PluginInfo> {
        self.inner.runtime.plugins()
    }

    /// The services of an organization that this host can reach.
    pub fn services(&self, organization: &OrganizationId) -> Vec<&ServiceConfig> {
        self.inner.services.values().filter(|service| service.organization == *organization).collect()
    }

    /// One service of an organization.
    ///
    /// # Errors
    /// `not-found`, also when it belongs to another organization.
    pub fn service(&self, organization: &OrganizationId, id: &ServiceId) -> Result<&ServiceConfig> {
        self.inner.service(organization, id)
    }

    /// Wakes whenever a job of this host moved. Other hosts' jobs are seen in the catalog only.
    pub fn changes(&self) -> broadcast::Receiver<JobId> {
        self.inner.changes.subscribe()
    }

    /// Whether this host can do its work: the catalog answers.
    ///
    /// # Errors
    /// The catalog's failure; `unavailable` while a service is blocked by an interrupted restore.
    pub async fn ready(&self) -> Result<()> {
        self.inner.catalog.ping().await?;
        match self.inner.blocked.keys().next() {
            None => Ok(()),
            Some(service) => {
                Err(Failure::unavailable(format!("service `{service}` is blocked by an interrupted restore")))
            }
        }
    }

    /// Schedules a backup to be made at once.
    ///
    /// # Errors
    /// `not-found` for an unknown service or target, `unsupported` when no plugin serves the method, `invalid` when the plugin
    /// refuses its configuration.
    pub async fn create_backup(
        &self,
        organization: &OrganizationId,
        ask: CreateBackup,
    ) -> Result<(Schedule, Backup, Job)> {
        let service = self.inner.service(organization, &ask.service)?;
        let plugin = self.inner.runtime.method(&service.engine, &ask.method)?;
        plugin.validate(&self.inner.method_config(service, &ask.method)).await?;
        let target = self.inner.target_for(organization, ask.target.as_ref())?;
        let made = self
            .inner
            .catalog
            .schedule_backup(NewBackup {
                organization: organization.clone(),
                service: service.id.clone(),
                method: ask.method.clone(),
                engine: service.engine.clone(),
                name: ask.name,
                target: target.id.clone(),
                server: service.server_name.clone(),
                parent: None,
                schedule_expression: Schedule::ONCE.to_owned(),
                attempts_max: self.inner.config.limits.attempts_max,
                request: serde_json::json!({ "retention": ask.retention }),
            })
            .await?;
        self.inner.wake();
        Ok(made)
    }

    /// Schedules the deletion of a backup. From now on it cannot be restored.
    ///
    /// # Errors
    /// `not-found`; `conflict` while it is being made, restored or verified.
    pub async fn delete_backup(&self, organization: &OrganizationId, id: &BackupId) -> Result<Job> {
        self.schedule(organization, id, JobKind::Expire).await
    }

    /// Schedules a check of every stored byte of a backup against its manifest.
    ///
    /// # Errors
    /// `not-found`; `conflict` when the backup has not succeeded.
    pub async fn verify_backup(&self, organization: &OrganizationId, id: &BackupId) -> Result<Job> {
        self.schedule(organization, id, JobKind::Verify).await
    }

    async fn schedule(&self, organization: &OrganizationId, id: &BackupId, kind: JobKind) -> Result<Job> {
        let job = self
            .inner
            .catalog
            .schedule_job(NewJob {
                organization: organization.clone(),
                kind,
                backup: id.clone(),
                request: serde_json::Value::Null,
                attempts_max: self.inner.config.limits.attempts_max,
            })
            .await?;
        self.inner.wake();
        Ok(job)
    }

    /// Schedules a restore.
    ///
    /// # Errors
    /// `not-found` for an unknown service or backup, `conflict` for an ambiguous prefix or a backup that has not succeeded,
    /// `invalid` when the service's engine is not the backup's.
    pub async fn create_restore(&self, organization: &OrganizationId, ask: CreateRestore) -> Result<(Restore, Job)> {
        let service = self.inner.service(organization, &ask.service)?;
        let backup = self.inner.catalog.resolve_backup(organization, &ask.backup).await?;
        require_succeeded(&backup)?;
        if backup.engine != service.engine {
            return Err(Failure::invalid(format!(
                "backup `{}` was taken from {}, but service `{}` runs {}",
                backup.id, backup.engine, service.id, service.engine
            )));
        }
        let plugin = self.inner.runtime.method(&service.engine, &backup.method)?;
        if needs_server(plugin.info()) {
            swap::require_configured(service)?;
        }
        let made = self
            .inner
            .catalog
            .schedule_restore(NewRestore {
                organization: organization.clone(),
                service: service.id.clone(),
                backup: backup.id.clone(),
                attempts_max: self.inner.config.limits.attempts_max,
                request: serde_json::Value::Null,
            })
            .await?;
        self.inner.wake();
        Ok(made)
    }

    /// Asks for a job to stop. A job that waits stops at once, one that runs within seconds.
    ///
    /// # Errors
    /// `not-found`; `conflict` when it has ended.
    pub async fn cancel_job(&self, organization: &OrganizationId, id: &JobId) -> Result<Job> {
        let job = self.inner.catalog.request_cancel(organization, id).await?;
        let _stopped = self.inner.orders.send(Order::Cancel(id.clone()));
        let _nobody = self.inner.changes.send(id.clone());
        Ok(job)
    }
}

impl Inner {
    /// A service of an organization.
    pub fn service(&self, organization: &OrganizationId, id: &ServiceId) -> Result<&ServiceConfig> {
        let service = self.services.get(id).filter(|service| service.organization == *organization);
        let service = service
            .ok_or_else(|| Failure::not_found(format!("there is no service `{id}`")).with_hint(SERVICES_HINT))?;
        match self.blocked.get(id) {
            None => Ok(service),
            Some(failure) => Err(failure.clone().with_hint("see docs/operations.md, then start this host again")),
        }
    }

    /// The target that a request names, or the default one.
    pub fn target_for(&self, organization: &OrganizationId, id: Option<&TargetId>) -> Result<&Target> {
        let visible = |target: &&Target| target.organization.as_ref().is_none_or(|owner| owner == organization);
        let found = match id {
            Some(id) => self.targets.get(id).filter(visible),
            None => self.targets.values().filter(visible).find(|target| target.default),
        };
        found.ok_or_else(|| match id {
            Some(id) => Failure::not_found(format!("there is no target `{id}`")),
            None => Failure::invalid("no target is the default").with_hint("set `default = true` on one [[target]]"),
        })
    }

    /// The configuration with which the plugin of a method works for a service.
    pub fn method_config(&self, service: &ServiceConfig, method: &Method) -> serde_json::Value {
        service.methods.get(method).cloned().unwrap_or_else(|| serde_json::json!({}))
    }

    /// Makes the dispatcher look at the queue now.
    pub fn wake(&self) {
        let _stopped = self.orders.send(Order::Wake);
    }
}

/// Whether a method replaces the data directory of its service, through staging and swap.
pub(crate) fn needs_server(plugin: &PluginInfo) -> bool {
    plugin.grants.iter().any(|asked| asked.grant == "server")
}

fn require_succeeded(backup: &Backup) -> Result<()> {
    if backup.state == BackupState::Succeeded {
        return Ok(());
    }
    Err(Failure::conflict(format!("backup `{}` is {}, not succeeded", backup.id, backup.state)))
}

/// Ends the swaps that an earlier process of this host began. A restore that turns out to be complete is written down as such, so
/// that it is not run a second time.
///
/// Answers the services where that failed: the others must not wait for them.
async fn end_interrupted_swaps(
    catalog: &Catalog,
    services: &BTreeMap<ServiceId, ServiceConfig>,
) -> BTreeMap<ServiceId, Failure> {
    let mut blocked = BTreeMap::new();
    for service in services.values() {
        match swap::recover(service).await {
            Ok(Some(Recovered::Finished(attempt))) => {
                let message = "Restore has succeeded! It was completed when the host started again.";
                if let Err(failure) = catalog.finish_restore(&attempt, message).await {
                    tracing::warn!(%attempt, error = %failure, "a completed restore could not be recorded; it runs again");
                }
            }
            Ok(_) => {}
            Err(failure) => {
                tracing::error!(service = %service.id, error = %failure, "the service is blocked until a person has looked");
                blocked.insert(service.id.clone(), failure);
            }
        }
    }
    blocked
}

fn lock_data_dir(config: &EngineConfig) -> Result<File> {
    let path = config.data_dir.join("host.lock");
    let cannot = |error: &dyn std::fmt::Display| {
        Failure::invalid(format!("cannot use data directory {}: {error}", config.data_dir.display()))
            .with_hint("[server] data_dir must name a directory that this user may write")
    };
    std::fs::create_dir_all(&config.data_dir).map_err(|error| cannot(&error))?;
    let file = File::create(&path).map_err(|error| cannot(&error))?;
    file.try_lock().map_err(|_| {
        Failure::conflict(format!("another host works in {}", config.data_dir.display()))
            .with_hint("stop it, or give this one a [server] data_dir of its own")
    })?;
    Ok(file)
}

/// Attempts of an earlier process are over; what they left in scratch is worth nothing.
fn clear_scratch(config: &EngineConfig) -> Result<()> {
    let scratch = config.data_dir.join("scratch");
    match std::fs::remove_dir_all(&scratch) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(Failure::internal(format!("cannot clear {}: {error}", scratch.display()))),
    }
    std::fs::create_dir_all(&scratch)
        .map_err(|error| Failure::internal(format!("cannot make {}: {error}", scratch.display())))
}
