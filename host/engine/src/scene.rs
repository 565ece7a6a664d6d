//! A host without plugins on a catalog of its own, with a clock that the test moves. Its dispatcher claims nothing: jobs are done by
//! a host that the test plays.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bulkhead_catalog::{Attempt, Backup, Catalog, Completed, Job, NewBackup, NewSchedule, Schedule, ScheduleOrigin};
use bulkhead_model::{
    BackupId, Clock, Codec, Digest, Encryption, Expression, JobId, MANIFEST_VERSION, Manifest, ManifestObject,
    ManifestPlugin, Misfire, OrganizationId, Report, RetentionPolicy, TestClock, Timestamp, Zone,
};
use bulkhead_runtime::{Bucket, ByteSource, Connection, Limits, Runtime, RuntimeConfig, ToolSet};
use bulkhead_test_support::workspace;
use serde_json::json;
use sha2::Digest as _;

use crate::config::{EncryptionConfig, EngineConfig, EngineLimits, ServiceConfig, TargetConfig};
use crate::engine::Engine;
use crate::executor::Run;
use crate::observer::AttemptObserver;
use crate::pipeline::Meter;
use crate::verb::Stored;

/// Far above what anything here takes, also beside a build.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Scene {
    pub engine: Engine,
    pub catalog: Catalog,
    pub clock: Arc<TestClock>,
    dir: tempfile::TempDir,
}

impl Scene {
    pub async fn start(change: impl FnOnce(&mut EngineConfig)) -> Self {
        Self::launch(&[], change).await
    }

    /// With one target for each of these storage components: called and configured as it is, and with a directory of the scene.
    pub async fn with_targets(components: &[PathBuf], change: impl FnOnce(&mut EngineConfig)) -> Self {
        Self::launch(components, change).await
    }

    async fn launch(components: &[PathBuf], change: impl FnOnce(&mut EngineConfig)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let bundled = workspace::only(components).unwrap();
        let clock = Arc::new(TestClock::new(Timestamp::parse_rfc3339("2026-03-26T17:18:30Z").unwrap()));
        let url = format!("sqlite:{}", dir.path().join("catalog.db").display());
        let catalog = Catalog::open(&url, clock.clone()).await.unwrap();
        let runtime = Runtime::new(RuntimeConfig {
            cache_dir: workspace::component_cache(),
            bundled_dir: Some(bundled.path().to_owned()),
            plugin_dirs: Vec::new(),
            tools: ToolSet::new(PathBuf::from("/bin/false"), BTreeMap::new()),
            settings: BTreeMap::new(),
            default_limits: Limits::default(),
            egress: Default::default(),
        });
        let mut config = EngineConfig {
            host: "here".to_owned(),
            data_dir: dir.path().join("data"),
            organizations: vec![acme()],
            services: vec![service()],
            targets: Vec::new(),
            encryption: EncryptionConfig::default(),
            limits: EngineLimits { max_running_jobs: 0, max_running_archives: 0, ..EngineLimits::default() },
            job_limits: Default::default(),
            automatic: Default::default(),
            drills: Default::default(),
            webhooks: Default::default(),
            housekeeping: Default::default(),
            drill_dir: None,
            front_doors: Default::default(),
            fail_at: None,
        };
        for component in components {
            let plugin = component.file_stem().unwrap().to_str().unwrap().replace('_', "-");
            let root = dir.path().join(&plugin);
            std::fs::create_dir(&root).unwrap();
            config.targets.push(TargetConfig {
                id: plugin.parse().unwrap(),
                plugin,
                default: false,
                config: json!({ "root": root }),
                credentials: None,
                organization: None,
            });
        }
        config.webhooks.poll = Duration::from_millis(20);
        change(&mut config);
        let engine = Engine::start(config, catalog.clone(), runtime.await.unwrap(), clock.clone()).await.unwrap();
        Self { engine, catalog, clock, dir }
    }

    /// The bucket of a target.
    pub fn bucket(&self, target: &str) -> Bucket {
        self.engine.inner.targets[&target.parse().unwrap()].bucket.clone()
    }

    /// What is stored in a target, by key.
    pub async fn keys(&self, target: &str) -> Vec<String> {
        let page = self.bucket(target).list("", None, 1000).await.unwrap();
        page.entries.into_iter().map(|entry| entry.key).collect()
    }

    /// What an attempt on this host works with, once a job has been claimed.
    pub fn run(&self, job: Job, attempt: Attempt) -> Run {
        let meter = Arc::new(Meter::default());
        let observer = Arc::new(AttemptObserver::new(&job, &attempt, Arc::clone(&meter)));
        let (engine, scratch) = (Arc::clone(&self.engine.inner), self.dir.path().join("scratch"));
        Run { engine, job, attempt, stopper: Default::default(), observer, meter, scratch }
    }

    /// Claims the job that waits, for a minute.
    pub async fn claim(&self) -> (Job, Attempt) {
        self.catalog.claim("elsewhere", &[service().id], Duration::from_mins(1)).await.unwrap().unwrap()
    }

    /// A backup with these objects, stored in a target as a host stores it. Without `finish`, the job that makes it runs still.
    pub async fn stored_backup(&self, target: &str, objects: &[(&str, &[u8])], finish: bool) -> (Backup, Manifest) {
        let new = NewBackup { target: target.parse().unwrap(), ..new_backup() };
        let (_, backup, _) = self.catalog.schedule_backup(new).await.unwrap().value;
        let (_, attempt) = self.claim().await;
        let stored = Stored::new(&self.bucket(target), &backup);
        let manifest = manifest(&backup, objects);
        for (object, (_, bytes)) in manifest.objects.iter().zip(objects) {
            let source = ByteSource::from_bytes(bytes.to_vec()).unwrap();
            stored.bucket.put(&stored.key(&object.key), source, false).await.unwrap();
        }
        if finish {
            let manifest_sha256 = stored.put_manifest(&manifest).await.unwrap();
            let stored_bytes = manifest.objects.iter().map(|object| object.stored_bytes).sum();
            let completed = Completed { manifest_sha256, stored_bytes, ..completed() };
            self.catalog.finish_backup(&attempt.id, &completed).await.unwrap();
        }
        (self.catalog.backup(&acme(), &backup.id).await.unwrap(), manifest)
    }

    /// A backup that another host makes.
    pub async fn backup(&self) -> BackupId {
        let backup = self.asked().await.0;
        self.succeed().await;
        backup
    }

    /// Asks for a backup that nobody makes yet; answers its job.
    pub async fn ask(&self) -> JobId {
        self.asked().await.1
    }

    async fn asked(&self) -> (BackupId, JobId) {
        let (_, backup, job) = self.catalog.schedule_backup(new_backup()).await.unwrap().value;
        (backup.id, job.id)
    }

    /// Does the job that waits.
    pub async fn succeed(&self) {
        let (_, attempt) = self.claim().await;
        self.catalog.finish_backup(&attempt.id, &completed()).await.unwrap();
    }

    pub async fn schedule(&self, expression: &str, retention: Option<RetentionPolicy>) -> Schedule {
        let new = NewSchedule {
            organization: acme(),
            service: service().id,
            method: "full".parse().unwrap(),
            engine: "mariadb".to_owned(),
            server: "s1".to_owned(),
            target: "managed".parse().unwrap(),
            copies: Vec::new(),
            expression: Expression::parse(expression).unwrap().to_string(),
            zone: Zone::UTC,
            enabled: true,
            misfire: Misfire::Skip,
            misfire_grace: Misfire::DEFAULT_GRACE,
            jitter: Duration::ZERO,
            retention,
            name: None,
            origin: ScheduleOrigin::Manual,
            idempotency: None,
        };
        self.catalog.create_schedule(new).await.unwrap().value
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

fn completed() -> Completed {
    Completed {
        plain_bytes: 20,
        stored_bytes: 10,
        report: Report::default(),
        plugin_name: "mariadb-full".to_owned(),
        plugin_digest: Digest::new([7; 32]),
        manifest_sha256: "11".repeat(32),
        copies: Vec::new(),
    }
}

fn new_backup() -> NewBackup {
    NewBackup {
        organization: acme(),
        service: service().id,
        method: "full".parse().unwrap(),
        engine: "mariadb".to_owned(),
        name: None,
        target: "managed".parse().unwrap(),
        copies: Vec::new(),
        server: "s1".to_owned(),
        parent: None,
        request: json!({}),
        attempts_max: 3,
        idempotency: None,
    }
}

/// The manifest of a backup with objects of these names. Their bytes are taken for what was compressed.
pub(crate) fn manifest(backup: &Backup, objects: &[(&str, &[u8])]) -> Manifest {
    let object = |(name, bytes): &(&str, &[u8])| ManifestObject {
        name: (*name).to_owned(),
        key: format!("{name}.zst"),
        media_type: "text/plain".to_owned(),
        plain_bytes: bytes.len() as u64,
        stored_bytes: bytes.len() as u64,
        plain_blake3: blake3::hash(bytes).to_string(),
        stored_sha256: hex::encode(sha2::Sha256::digest(bytes)),
        codec: Codec::Zstd,
        encryption: Encryption::None,
    };
    Manifest {
        format: MANIFEST_VERSION,
        backup: backup.id.clone(),
        organization: backup.organization.clone(),
        service: backup.service.clone(),
        engine: backup.engine.clone(),
        method: backup.method.clone(),
        name: None,
        parent: None,
        plugin: ManifestPlugin { name: "p".to_owned(), version: "1".to_owned(), digest: Digest::new([7; 32]) },
        report: Report::default(),
        started_at: backup.created_at,
        finished_at: backup.created_at,
        recipients: Vec::new(),
        objects: objects.iter().map(object).collect(),
    }
}

pub(crate) fn acme() -> OrganizationId {
    "acme".parse().unwrap()
}

pub(crate) fn service() -> ServiceConfig {
    ServiceConfig {
        id: "db1".parse().unwrap(),
        organization: acme(),
        engine: "mariadb".to_owned(),
        connection: Connection {
            host: "127.0.0.1".to_owned(),
            port: 1,
            socket: None,
            user: "root".to_owned(),
            password: String::new(),
            throw_away: false,
            http: None,
        },
        server_name: "s1".to_owned(),
        data_dir: None,
        stop: Vec::new(),
        start: Vec::new(),
        start_deadline: Duration::from_secs(1),
        stop_deadline: Duration::from_secs(1),
        retention: None,
        automatic: None,
        drills: None,
        max_age: None,
        methods: BTreeMap::new(),
        surrealdb: None,
        scope: Default::default(),
        migrations: None,
    }
}

/// Waits for something that must come.
pub(crate) async fn until<T>(what: &str, look: impl AsyncFn() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < end, "timed out: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
