//! Some hosts on one catalog and two targets, all in memory, made once a thread and emptied for each seed.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bulkhead_catalog::{Attempt, Catalog, Job, Progress};
use bulkhead_model::{Digest, FailureKind, RetentionPolicy, ServiceId, Timestamp};
use bulkhead_runtime::{ChainKind, PluginInfo, PluginKind, Runtime, StandIns, ToolSet};
use serde_json::json;
use tokio::time::Instant;

use super::bucket::{Method, Shelves, Storage, TARGETS};
use super::chance::beginning;
use super::line::{HostClock, HostLine};
use super::stage::{ActorId, Stage};
use crate::config::{EncryptionConfig, EngineConfig, EngineLimits, ServiceConfig, TargetConfig};
use crate::dispatcher::watch::{Watch, take_over};
use crate::engine::{Engine, Inner};
use crate::executor::{self, StopCause, Stopper};
use crate::scene;
use crate::{scheduler, sweep};

pub const HOSTS: usize = 3;
/// So long that no real timer of an attempt ends within a seed: the simulated clocks alone decide.
pub const LEASE: Duration = Duration::from_mins(30);
pub const HEARTBEAT: Duration = Duration::from_mins(10);
pub const GRACE: Duration = Duration::from_hours(24);
/// Of the backups that no schedule made.
pub const SERVICE_KEEPS: u32 = 3;

/// What one round of a host's dispatcher has claimed.
type Claimed = Arc<Mutex<Option<(Job, Attempt)>>>;

pub struct Host {
    pub engine: Arc<Inner>,
    pub clock: Arc<HostClock>,
    pub watch: Arc<tokio::sync::Mutex<Watch>>,
    pub running: Option<Running>,
    claims: Option<(ActorId, Claimed)>,
    /// Rounds of reconcilers that have not ended.
    rounds: Vec<ActorId>,
    /// Neither its timers nor its calls go on.
    pub frozen: bool,
    /// It cannot reach the catalog.
    pub cut_off: bool,
}

/// An attempt on a host.
pub struct Running {
    pub actor: ActorId,
    pub attempt: Attempt,
    pub stopper: Stopper,
    /// By the monotonic clock, which is the true time.
    pub held_until: i64,
    pub next_beat: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Round {
    Schedules,
    Watch,
    Sweep,
}

pub struct World {
    pub stage: Arc<Stage>,
    pub shelves: Arc<Shelves>,
    /// As callers of the API see it: without faults, by the true time.
    pub catalog: Catalog,
    pub time: Arc<AtomicI64>,
    pub hosts: Vec<Host>,
    /// How many a backup has.
    pub objects: Arc<AtomicUsize>,
    /// New attempts meet no fault and wait for no turn.
    pub at_peace: bool,
    begun: Instant,
    _dir: tempfile::TempDir,
}

impl World {
    pub async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (stage, shelves) = (Arc::new(Stage::default()), Arc::new(Shelves::default()));
        stage.clear(HOSTS);
        shelves.clear();
        let time = Arc::new(AtomicI64::new(beginning().as_micros()));
        let clock = |wrong_by| Arc::new(HostClock { time: Arc::clone(&time), wrong_by: AtomicI64::new(wrong_by) });
        let catalog = Catalog::rehearse(&dir.path().join("catalog.db"), clock(0)).await.unwrap();
        let objects = Arc::new(AtomicUsize::new(1));
        let mut hosts = Vec::new();
        for number in 0..HOSTS {
            let storage = Storage {
                stage: Arc::clone(&stage),
                shelves: Arc::clone(&shelves),
                time: Arc::clone(&time),
                host: number,
            };
            let stand_ins = StandIns {
                methods: vec![(plugin("full", PluginKind::Method), Arc::new(Method(Arc::clone(&objects))))],
                storages: vec![(plugin("simulated", PluginKind::Storage), Arc::new(storage))],
            };
            let runtime = Runtime::of_stand_ins(stand_ins, ToolSet::new(PathBuf::from("/bin/false"), BTreeMap::new()));
            let clock = clock(0);
            let config = config(number, dir.path().join(number.to_string()));
            let (engine, _no_dispatcher, _late) =
                Engine::assemble(config, catalog.clone(), runtime, clock.clone()).await.unwrap();
            // Only now: there is nobody yet to give it a turn.
            let mut engine = Arc::into_inner(engine).unwrap();
            let line = Arc::new(HostLine { stage: Arc::clone(&stage), host: number });
            engine.catalog = catalog.of_host(clock.clone(), line);
            hosts.push(Host::new(Arc::new(engine), clock));
        }
        Self { stage, shelves, catalog, time, hosts, objects, at_peace: false, begun: Instant::now(), _dir: dir }
    }

    /// As it was made.
    pub async fn clear(&mut self) {
        self.time.store(beginning().as_micros(), Ordering::Relaxed);
        self.at_peace = false;
        self.stage.clear(HOSTS);
        self.shelves.clear();
        self.catalog.forget_all().await.unwrap();
        for host in &mut self.hosts {
            host.clock.wrong_by.store(0, Ordering::Relaxed);
            *host = Host::new(Arc::clone(&host.engine), Arc::clone(&host.clock));
        }
    }

    /// All processes die, so that nothing of this seed goes on beside the next.
    pub async fn empty(&mut self) {
        for host in 0..HOSTS {
            self.stage.kill(host);
        }
        self.stage.settle().await;
    }

    pub fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.time.load(Ordering::Relaxed))
    }

    fn spawn(&self, actor: ActorId, work: impl Future<Output = ()> + Send + 'static) {
        struct Ended(Arc<Stage>, ActorId);
        impl Drop for Ended {
            fn drop(&mut self) {
                self.0.end(self.1);
            }
        }
        let ended = Ended(Arc::clone(&self.stage), actor);
        let task = tokio::spawn(async move {
            work.await;
            drop(ended);
        });
        self.stage.know_task(task.id(), actor);
    }

    /// Begins a round of a reconciler, unless the host is at one.
    pub fn begin_round(&mut self, host: usize, round: Round, calm: bool) {
        if !self.hosts[host].rounds.is_empty() {
            return;
        }
        let actor = self.stage.actor(host, format!("{round:?}").to_lowercase(), calm);
        self.stage.say(format!("host {host}: a round of {round:?} begins"));
        let engine = Arc::clone(&self.hosts[host].engine);
        match round {
            Round::Schedules => self.spawn(actor, async move {
                let _mended_later = scheduler::mend(&engine).await;
                let _tried_again = scheduler::look(&engine).await;
            }),
            Round::Watch => {
                let (watch, begun, began, time) =
                    (Arc::clone(&self.hosts[host].watch), self.begun, beginning(), Arc::clone(&self.time));
                let monotonic = move || begun + Timestamp::from_micros(time.load(Ordering::Relaxed)).since(began);
                self.spawn(actor, async move {
                    let mut watch = watch.lock().await;
                    let _tried_again = take_over(&engine, &mut watch, monotonic).await;
                });
            }
            Round::Sweep => self.spawn(actor, async move { sweep::round(&engine).await }),
        }
        self.hosts[host].rounds.push(actor);
    }

    /// Looks at the queue, when the host has a place free.
    pub fn begin_claim(&mut self, host: usize, calm: bool) -> bool {
        if self.hosts[host].running.is_some() || self.hosts[host].claims.is_some() {
            return false;
        }
        let actor = self.stage.actor(host, "claim".to_owned(), calm);
        let (engine, claimed) = (Arc::clone(&self.hosts[host].engine), Claimed::default());
        self.hosts[host].claims = Some((actor, Arc::clone(&claimed)));
        self.spawn(actor, async move {
            if let Ok(found) = engine.catalog.claim(&engine.config.host, &[service()], LEASE).await {
                *claimed.lock().unwrap() = found;
            }
        });
        true
    }

    /// Renews the lease of the host's attempt, as the task beside it does.
    pub fn begin_beat(&mut self, host: usize) {
        let now = self.now().as_micros();
        let engine = Arc::clone(&self.hosts[host].engine);
        let (frozen, cut_off) = (self.hosts[host].frozen, self.hosts[host].cut_off);
        let Some(running) = self.hosts[host].running.as_mut().filter(|_| !frozen) else { return };
        running.next_beat = now + micros(HEARTBEAT);
        if now >= running.held_until {
            self.stage.say(format!("host {host}: the lease could not be renewed"));
            return running.stopper.stop(StopCause::LeaseLost);
        }
        if cut_off {
            return;
        }
        let (stopper, attempt) = (running.stopper.clone(), running.attempt.id.clone());
        running.held_until = now + micros(LEASE);
        let actor = self.stage.actor(host, "heartbeat".to_owned(), true);
        self.spawn(actor, async move {
            match engine.catalog.heartbeat(&attempt, LEASE, &Progress::default()).await {
                Ok(beat) if beat.cancel_requested => stopper.stop(StopCause::Requested),
                Err(failure) if failure.kind == FailureKind::Conflict => stopper.stop(StopCause::LeaseLost),
                _ => {}
            }
        });
    }

    /// After each step: what has ended is taken note of, what was claimed begins.
    pub async fn settle(&mut self) {
        loop {
            self.stage.settle().await;
            let mut begun = false;
            for host in 0..HOSTS {
                let stage = Arc::clone(&self.stage);
                let ended = |actor: ActorId| stage.has_ended(actor);
                self.hosts[host].rounds.retain(|actor| !ended(*actor));
                if self.hosts[host].running.as_ref().is_some_and(|running| ended(running.actor)) {
                    self.hosts[host].running = None;
                    self.stage.runs(host, None);
                }
                let Some((_, claimed)) = self.hosts[host].claims.take_if(|(actor, _)| ended(*actor)) else { continue };
                if let Some((job, attempt)) = claimed.lock().unwrap().take() {
                    self.begin_attempt(host, job, attempt);
                    begun = true;
                }
            }
            if !begun {
                return;
            }
        }
    }

    fn begin_attempt(&mut self, host: usize, job: Job, attempt: Attempt) {
        let name = format!("{} {} try {}", job.kind, self.stage.name(job.id.as_str(), 'j'), attempt.number);
        self.stage.say(format!("host {host} begins {name}"));
        let actor = self.stage.actor(host, name, self.at_peace);
        self.stage.runs(host, Some(actor));
        let (stopper, engine) = (Stopper::default(), Arc::clone(&self.hosts[host].engine));
        let run = executor::run(engine, job, attempt.clone(), stopper.clone());
        self.spawn(actor, async move { drop(run.await) });
        let now = self.now().as_micros();
        let (held_until, next_beat) = (now + micros(LEASE), now + micros(HEARTBEAT));
        self.hosts[host].running = Some(Running { actor, attempt, stopper, held_until, next_beat });
    }

    /// Lets time pass. Hosts that can renew their leases meanwhile.
    pub async fn pass(&mut self, duration: Duration) {
        let end = self.now().as_micros() + micros(duration);
        loop {
            let now = self.now().as_micros();
            let next = (now + micros(HEARTBEAT)).min(end).max(now);
            self.time.store(next, Ordering::Relaxed);
            for host in 0..HOSTS {
                if self.hosts[host].running.as_ref().is_some_and(|running| running.next_beat <= next) {
                    self.begin_beat(host);
                    self.settle().await;
                }
            }
            if next >= end {
                return;
            }
        }
    }

    /// The host's process dies, and another one is started.
    pub async fn restart(&mut self, host: usize) {
        self.stage.say(format!("host {host} dies and starts again"));
        if let Some(running) = &self.hosts[host].running {
            running.stopper.stop(StopCause::Shutdown);
        }
        self.stage.kill(host);
        self.stage.settle().await;
        self.stage.runs(host, None);
        let wrong_by = self.hosts[host].clock.wrong_by.load(Ordering::Relaxed);
        self.hosts[host] = Host::new(Arc::clone(&self.hosts[host].engine), Arc::clone(&self.hosts[host].clock));
        self.hosts[host].clock.wrong_by.store(wrong_by, Ordering::Relaxed);
        let actor = self.stage.actor(host, "start".to_owned(), true);
        let engine = Arc::clone(&self.hosts[host].engine);
        self.spawn(actor, async move {
            engine.catalog.release_host(&engine.config.host).await.unwrap();
        });
        self.settle().await;
    }

    /// Whether a host does anything at all.
    pub fn is_idle(&self, host: usize) -> bool {
        let host = &self.hosts[host];
        host.running.is_none() && host.claims.is_none() && host.rounds.is_empty()
    }
}

impl Host {
    fn new(engine: Arc<Inner>, clock: Arc<HostClock>) -> Self {
        let (watch, rounds) = (Arc::default(), Vec::new());
        Self { engine, clock, watch, running: None, claims: None, rounds, frozen: false, cut_off: false }
    }
}

pub fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap()
}

pub fn service() -> ServiceId {
    scene::service().id
}

fn plugin(name: &str, kind: PluginKind) -> PluginInfo {
    let method = (kind == PluginKind::Method).then(|| name.parse().unwrap());
    PluginInfo {
        name: name.to_owned(),
        version: "1.0.0".to_owned(),
        kind,
        digest: Digest::new([7; 32]),
        path: PathBuf::new(),
        bundled: true,
        chain: method.as_ref().map(|_| ChainKind::Standalone),
        method,
        engines: vec!["mariadb".to_owned()],
        media_types: Vec::new(),
        config_schema: json!({}),
        grants: Vec::new(),
        load_time: Duration::ZERO,
        instance_time: Duration::ZERO,
    }
}

fn config(number: usize, data_dir: PathBuf) -> EngineConfig {
    let target = |number: usize| TargetConfig {
        id: TARGETS[number].parse().unwrap(),
        plugin: "simulated".to_owned(),
        default: number == 0,
        config: json!({ "target": number }),
        credentials: None,
        organization: None,
    };
    let retention = Some(RetentionPolicy::last(SERVICE_KEEPS));
    EngineConfig {
        host: format!("host-{number}"),
        data_dir,
        organizations: vec![scene::acme()],
        services: vec![ServiceConfig { retention, ..scene::service() }],
        targets: (0..TARGETS.len()).map(target).collect(),
        encryption: EncryptionConfig::default(),
        limits: EngineLimits {
            lease: LEASE,
            heartbeat: HEARTBEAT,
            compression_level: 1,
            compression_threads: 1,
            sweep_grace: GRACE,
            ..EngineLimits::default()
        },
        job_limits: Default::default(),
        automatic: Default::default(),
        drills: Default::default(),
        webhooks: Default::default(),
        housekeeping: Default::default(),
        drill_dir: None,
        front_doors: Default::default(),
        fail_at: None,
    }
}
