//! A host without plugins on a catalog of its own, with a clock that the test moves. Its dispatcher claims nothing: jobs are done by
//! a host that the test plays.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bulkhead_catalog::{Catalog, Completed, NewBackup, NewSchedule, Schedule, ScheduleOrigin};
use bulkhead_model::{
    BackupId, Clock, Digest, Expression, Misfire, OrganizationId, Report, RetentionPolicy, TestClock, Timestamp, Zone,
};
use bulkhead_runtime::{Connection, Limits, Runtime, RuntimeConfig, ToolSet};
use serde_json::json;

use crate::config::{EncryptionConfig, EngineConfig, EngineLimits, ServiceConfig};
use crate::engine::Engine;

/// Far above what anything here takes, also beside a build.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Scene {
    pub engine: Engine,
    pub catalog: Catalog,
    pub clock: Arc<TestClock>,
    _dir: tempfile::TempDir,
}

impl Scene {
    pub async fn start(change: impl FnOnce(&mut EngineConfig)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(TestClock::new(Timestamp::parse_rfc3339("2026-03-26T17:18:30Z").unwrap()));
        let url = format!("sqlite:{}", dir.path().join("catalog.db").display());
        let catalog = Catalog::open(&url, clock.clone()).await.unwrap();
        let runtime = Runtime::new(RuntimeConfig {
            cache_dir: dir.path().join("cache"),
            bundled_dir: None,
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
        config.webhooks.poll = Duration::from_millis(20);
        change(&mut config);
        let engine = Engine::start(config, catalog.clone(), runtime.await.unwrap(), clock.clone()).await.unwrap();
        Self { engine, catalog, clock, _dir: dir }
    }

    /// A backup that another host makes.
    pub async fn backup(&self) -> BackupId {
        let new = NewBackup {
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
            attempts_max: 1,
            idempotency: None,
        };
        let (_, backup, _) = self.catalog.schedule_backup(new).await.unwrap().value;
        self.succeed().await;
        backup.id
    }

    /// Does the job that waits.
    pub async fn succeed(&self) {
        let lease = Duration::from_mins(1);
        let (_, attempt) = self.catalog.claim("elsewhere", &[service().id], lease).await.unwrap().unwrap();
        let completed = Completed {
            plain_bytes: 20,
            stored_bytes: 10,
            report: Report::default(),
            plugin_name: "mariadb-full".to_owned(),
            plugin_digest: Digest::new([7; 32]),
            manifest_sha256: "11".repeat(32),
            copies: Vec::new(),
        };
        self.catalog.finish_backup(&attempt.id, &completed).await.unwrap();
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
