//! A running host: what its attempts share, how it starts and stops. What callers can ask of it is in `ask.rs`.

mod ask;
mod chain;
mod external;
mod offer;
mod reset;
mod restoring;
mod start;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use bulkhead_catalog::{Catalog, Closed};
use bulkhead_model::{AttemptId, Clock, Failure, JobId, Method, OrganizationId, Result, ServiceId, TargetId};
use bulkhead_runtime::{PluginInfo, Runtime};
use tokio::sync::{Notify, broadcast, mpsc};
use tokio::task::JoinHandle;

use crate::config::{EngineConfig, ServiceConfig};
use crate::dispatcher::{self, Order};
use crate::front_door::{self, Doors};
use crate::measure::Observed;
use crate::pipeline::Keys;
use crate::seal::MasterKey;
use crate::steady::Steady;
use crate::target::{OwnTargets, Target};
use crate::webhook::Outbox;
use crate::{automatic, drills, failpoint, housekeeping, keeper, reseal, scheduler, staleness, sweep, webhook};

pub(crate) use ask::{Destination, needs_server, require_drillable};
pub use offer::Binding;

/// What helps when a service is not found. The same words wherever that is said, so that nobody learns from them which services
/// exist.
pub const SERVICES_HINT: &str = "`bulkhead service list` shows the services of your organization";

/// A running host. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    pub(crate) inner: Arc<Inner>,
}

/// What every attempt of this host shares.
pub(crate) struct Inner {
    pub config: EngineConfig,
    pub catalog: Catalog,
    pub runtime: Runtime,
    pub clock: Arc<dyn Clock>,
    pub keys: Keys,
    pub master_key: MasterKey,
    pub services: BTreeMap<ServiceId, ServiceConfig>,
    /// Services whose interrupted restore could neither be finished nor undone: nothing runs on them, and a person has to look.
    pub blocked: BTreeMap<ServiceId, Failure>,
    /// Those of the configuration. [`Inner::target`] knows those of organizations as well.
    pub targets: BTreeMap<TargetId, Target>,
    pub own_targets: OwnTargets,
    pub doors: Doors,
    /// Jobs of this host that moved.
    pub changes: broadcast::Sender<JobId>,
    /// Somebody made or changed a schedule here.
    pub schedules_changed: Notify,
    pub outbox: Outbox,
    pub observed: Observed,
    pub steady: Steady,
    orders: mpsc::UnboundedSender<Order>,
    tasks: std::sync::Mutex<Vec<JoinHandle<()>>>,
    /// Held while this process lives: one host per data directory.
    _lock: File,
}

/// What remains to be done of swaps that were interrupted, once the host works.
pub(crate) struct Late {
    unrecorded: Vec<ServiceId>,
    left: Vec<(ServiceId, AttemptId)>,
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
        let (inner, inbox, late) = Self::assemble(config, catalog, runtime, clock).await?;
        for job in inner.catalog.release_host(&inner.config.host).await? {
            tracing::warn!(job = %job.id, state = %job.state, "an attempt was running when this host last stopped");
        }
        start::record_late(&inner, &late.unrecorded).await;
        automatic::ensure(&inner).await;
        if let Ok(mut tasks) = inner.tasks.lock() {
            // The dispatcher first: a shutdown waits for it and ends the others.
            tasks.push(tokio::spawn(dispatcher::run(Arc::clone(&inner), inbox)));
            tasks.push(tokio::spawn(dispatcher::watch::run(Arc::clone(&inner))));
            tasks.push(tokio::spawn(scheduler::run(Arc::clone(&inner))));
            tasks.push(tokio::spawn(sweep::run(Arc::clone(&inner))));
            tasks.push(tokio::spawn(sweep::run_own(Arc::clone(&inner))));
            tasks.push(tokio::spawn(webhook::run(Arc::clone(&inner))));
            tasks.push(tokio::spawn(staleness::run(Arc::clone(&inner))));
            tasks.push(tokio::spawn(drills::run(Arc::clone(&inner))));
            tasks.push(tokio::spawn(keeper::run(Arc::clone(&inner))));
            tasks.push(tokio::spawn(housekeeping::run(Arc::clone(&inner))));
            tasks.push(tokio::spawn(front_door::run(Arc::clone(&inner))));
            tasks.push(tokio::spawn(start::end_left(Arc::clone(&inner), late.left)));
        }
        Ok(Self { inner })
    }

    /// Everything but the work: nothing runs yet.
    pub(crate) async fn assemble(
        config: EngineConfig,
        catalog: Catalog,
        runtime: Runtime,
        clock: Arc<dyn Clock>,
    ) -> Result<(Arc<Inner>, mpsc::UnboundedReceiver<Order>, Late)> {
        let lock = start::lock_data_dir(&config)?;
        start::clear_scratch(&config)?;
        let keys = Keys::load(&config.encryption)?;
        let master_key = MasterKey::load(&config.encryption.master_key, &config.data_dir)?
            .with_old(&config.encryption.old_master_keys, &config.data_dir)?;
        for lost in keys.lost() {
            tracing::error!("{lost}: keep that key safe, without it they cannot be restored, verified or drilled");
        }
        reseal::run(&catalog, &master_key).await?;
        let mut targets = BTreeMap::new();
        for target in &config.targets {
            targets.insert(target.id.clone(), Target::open(&runtime, target).await?);
        }
        start::check_names(&catalog, &config).await?;
        let services: BTreeMap<_, _> = config.services.iter().map(|s| (s.id.clone(), s.clone())).collect();
        catalog.set_job_limits(&start::job_limits(&config)).await?;
        let (orders, inbox) = mpsc::unbounded_channel();
        let (changes, _) = broadcast::channel(1024);
        let interrupted = start::end_interrupted_swaps(&catalog, &services, &config.host).await?;
        let outbox = Outbox::new(&config.webhooks);
        let doors = Doors::new(&config.front_doors);
        let inner = Arc::new(Inner {
            config,
            catalog,
            runtime,
            clock,
            keys,
            master_key,
            services,
            blocked: interrupted.blocked,
            targets,
            own_targets: OwnTargets::default(),
            doors,
            changes,
            schedules_changed: Notify::new(),
            outbox,
            observed: Observed::default(),
            steady: Steady::default(),
            orders,
            tasks: std::sync::Mutex::default(),
            _lock: lock,
        });
        let late = Late { unrecorded: interrupted.unrecorded, left: interrupted.left };
        Ok((inner, inbox, late))
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

    /// Why a service is closed: a restore or reset has begun to replace its data, and none has succeeded since.
    ///
    /// # Errors
    /// Only those of the catalog.
    pub async fn closed(&self, organization: &OrganizationId, id: &ServiceId) -> Result<Option<Closed>> {
        self.inner.catalog.closed_service(organization, id).await
    }

    /// Whether the front door of a service cannot be opened or closed as it should be.
    pub fn has_front_door_trouble(&self, service: &ServiceId) -> bool {
        self.inner.doors.has_trouble(service)
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

    /// Fails while a service is closed: a backup of it would be one of half restored data. Says retry while the job that closed it
    /// may open it still.
    pub async fn require_open(&self, service: &ServiceConfig) -> Result<()> {
        let Some(closed) = self.catalog.closed_service(&service.organization, &service.id).await? else {
            return Ok(());
        };
        let job = self.catalog.job(&service.organization, &closed.job).await?;
        Err(Failure::conflict(format!("service `{}` is restoring: {}", service.id, closed.reason))
            .with_hint("restore it again; the first restore that succeeds opens it")
            .with_retry(!job.state.is_final()))
    }

    /// The same of what is only to be done when all that is under way has ended.
    pub async fn require_open_then(&self, service: &ServiceConfig) -> Result<()> {
        match self.require_open(service).await {
            Err(failure) if !failure.retry => Err(failure),
            _ => Ok(()),
        }
    }

    /// The configuration with which the plugin of a method works for a service.
    pub fn method_config(&self, service: &ServiceConfig, method: &Method) -> serde_json::Value {
        service.methods.get(method).cloned().unwrap_or_else(|| serde_json::json!({}))
    }

    /// The attempts that other hosts hold.
    pub async fn held_elsewhere(&self) -> Result<BTreeSet<AttemptId>> {
        start::held_elsewhere(&self.catalog, &self.config.host).await
    }

    /// Makes the dispatcher look at the queue now.
    pub fn wake(&self) {
        let _stopped = self.orders.send(Order::Wake);
    }

    /// Tells the dispatcher to stop a job if it runs here.
    fn stop(&self, job: &JobId) {
        let _stopped = self.orders.send(Order::Cancel(job.clone()));
    }
}
