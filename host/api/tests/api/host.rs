//! An API over a SQLite catalog and an engine with the smallest plugins, called without a connection.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, header};
use bulkhead_api::{Api, AuthMode, Claims, HttpConfig, mint, router};
use bulkhead_catalog::{Backup, Catalog, Completed, Job, JobFilter, NewBackup};
use bulkhead_engine::{
    AutomaticConfig, EncryptionConfig, Engine, EngineConfig, EngineLimits, HousekeepingConfig, JobLimits,
    ServiceConfig, TargetConfig, WebhookConfig,
};
use bulkhead_model::{BackupId, Clock, JobState, Report, ServiceId, SystemClock};
use bulkhead_runtime::{Connection, EgressConfig, Limits, Runtime, RuntimeConfig, ToolSet};
use bulkhead_test_support::workspace;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::watch;
use tower::ServiceExt;

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
/// No service of the engine has this id, so that no job of it is ever run here.
pub const SERVICE: &str = "dbtgf28216706";

/// A private endpoint that the operator allows.
pub const DISCARD: &str = "http://127.0.0.1:9";

pub struct Host {
    pub api: Api,
    pub router: axum::Router,
    pub catalog: Catalog,
    pub close: watch::Sender<bool>,
    _dir: TempDir,
}

/// An answer.
pub struct Heard {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Heard {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

impl Host {
    pub async fn start() -> Self {
        Self::start_with(HttpConfig::default()).await
    }

    pub async fn start_with(http: HttpConfig) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let url = format!("sqlite:{}", dir.path().join("catalog.db").display());
        let catalog = Catalog::open(&url, Arc::clone(&clock)).await.unwrap();
        let plugins =
            [workspace::example("minimal-method"), workspace::example("minimal-storage"), workspace::plugin("s3")];
        let plugins = workspace::only(&plugins).unwrap();
        let runtime = Runtime::new(RuntimeConfig {
            cache_dir: workspace::component_cache(),
            bundled_dir: Some(plugins.path().to_owned()),
            plugin_dirs: Vec::new(),
            tools: ToolSet::new(PathBuf::from("/bin/false"), BTreeMap::new()),
            settings: BTreeMap::new(),
            default_limits: Limits::default(),
            // A tenant's target may name it, and nobody listens there.
            egress: EgressConfig { endpoints: vec![DISCARD.to_owned()], ..EgressConfig::default() },
        });
        let root = dir.path().join("backups");
        std::fs::create_dir(&root).unwrap();
        let target = TargetConfig {
            id: "managed".parse().unwrap(),
            plugin: "minimal-storage".to_owned(),
            default: true,
            config: json!({ "root": root }),
            credentials: None,
            organization: None,
        };
        let offsite_root = dir.path().join("offsite");
        std::fs::create_dir(&offsite_root).unwrap();
        let offsite = TargetConfig {
            id: "offsite".parse().unwrap(),
            default: false,
            config: json!({ "root": offsite_root }),
            ..target.clone()
        };
        let config = EngineConfig {
            host: "api-test".to_owned(),
            data_dir: dir.path().join("data"),
            organizations: vec!["acme".parse().unwrap(), "other".parse().unwrap()],
            services: vec![service("db1", "acme"), service("db2", "acme"), service("odb1", "other")],
            targets: vec![target, offsite],
            encryption: EncryptionConfig::default(),
            // Jobs are made here and done elsewhere.
            limits: EngineLimits { max_running_jobs: 0, ..EngineLimits::default() },
            job_limits: JobLimits::default(),
            automatic: AutomaticConfig::default(),
            drills: Default::default(),
            webhooks: WebhookConfig::default(),
            housekeeping: HousekeepingConfig::default(),
            drill_dir: None,
            front_doors: Default::default(),
            fail_at: None,
        };
        let engine = Engine::start(config, catalog.clone(), runtime.await.unwrap(), Arc::clone(&clock)).await.unwrap();
        let (close, closing) = watch::channel(false);
        let mode = AuthMode::Jwt { secret: Arc::from(SECRET) };
        let api = Api::new(engine, mode, http, clock, closing).unwrap();
        Self { router: router(api.clone()), api, catalog, close, _dir: dir }
    }

    /// Status and body of an answer.
    pub async fn call(
        &self,
        token: Option<&str>,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> (StatusCode, Value) {
        let (status, text) = self.text(token, method, path, body).await;
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    pub async fn text(
        &self,
        token: Option<&str>,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> (StatusCode, String) {
        let bearer = token.map(|token| ("authorization", format!("Bearer {token}")));
        let headers: Vec<_> = bearer.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let heard = self.ask(method, path, &headers, body).await;
        (StatusCode::from_u16(heard.status).unwrap(), heard.text)
    }

    /// The whole answer.
    pub async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<Value>) -> Heard {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = match body {
            Some(body) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        self.send(request.body(body).unwrap()).await
    }

    pub async fn send(&self, request: Request<Body>) -> Heard {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let read = tokio::time::timeout(Duration::from_secs(60), axum::body::to_bytes(body, 4 << 20));
        let text = String::from_utf8_lossy(&read.await.unwrap().unwrap()).into_owned();
        Heard { status: parts.status.as_u16(), headers: parts.headers, text }
    }

    pub async fn scheduled(&self, service: &str, name: Option<&str>) -> (Backup, Job) {
        self.scheduled_on(service, name, None).await
    }

    async fn scheduled_on(&self, service: &str, name: Option<&str>, parent: Option<&BackupId>) -> (Backup, Job) {
        let new = NewBackup {
            organization: "acme".parse().unwrap(),
            service: service.parse().unwrap(),
            method: if service == SERVICE { "full" } else { "minimal" }.parse().unwrap(),
            engine: if service == SERVICE { "mariadb" } else { "example" }.to_owned(),
            name: name.map(str::to_owned),
            target: "managed".parse().unwrap(),
            copies: Vec::new(),
            server: "tx-filip-mdb-ms-0".to_owned(),
            parent: parent.cloned(),
            request: Value::Null,
            attempts_max: 1,
            idempotency: None,
        };
        let (_, backup, job) = self.catalog.schedule_backup(new).await.unwrap().value;
        (backup, job)
    }

    /// A backup that another host has made.
    pub async fn succeeded(&self) -> (Backup, Job) {
        self.succeeded_of(SERVICE).await
    }

    /// The same of a service.
    pub async fn succeeded_of(&self, service: &str) -> (Backup, Job) {
        self.succeeded_on(service, None).await
    }

    /// The same on top of another one.
    pub async fn succeeded_on(&self, service: &str, parent: Option<&BackupId>) -> (Backup, Job) {
        // Whatever waits is claimed first.
        let organization = "acme".parse().unwrap();
        let waiting = JobFilter { state: Some(JobState::Scheduled), page_size: 1000, ..JobFilter::default() };
        for job in self.catalog.jobs(&organization, &waiting).await.unwrap().0 {
            self.catalog.request_cancel(&organization, &job.id).await.unwrap();
        }
        let (backup, job) = self.scheduled_on(service, Some("before-migration"), parent).await;
        let services: [ServiceId; 1] = [service.parse().unwrap()];
        let (_, attempt) = self.catalog.claim("elsewhere", &services, Duration::from_mins(1)).await.unwrap().unwrap();
        self.catalog.append_event(&job.id, Some(&attempt.id), "phase", &json!({ "phase": "copy" })).await.unwrap();
        let completed = Completed {
            plain_bytes: 20_000_000,
            stored_bytes: 5_327_326,
            report: Report {
                server_version: "10.11.19-MariaDB".to_owned(),
                point_in_time: Some("2024-03-26T17:18:21Z".to_owned()),
                positions: vec![("gtid".to_owned(), "0-1-7".to_owned())],
            },
            plugin_name: "mariadb-full".to_owned(),
            plugin_digest: "00".repeat(32).parse().unwrap(),
            manifest_sha256: "11".repeat(32),
            copies: Vec::new(),
        };
        self.catalog.finish_backup(&attempt.id, &completed).await.unwrap();
        (backup, job)
    }
}

fn service(id: &str, organization: &str) -> ServiceConfig {
    let connection = Connection {
        host: "127.0.0.1".to_owned(),
        port: 9,
        socket: None,
        user: "backup".to_owned(),
        password: "hunter2".to_owned(),
        throw_away: false,
        http: None,
    };
    ServiceConfig {
        id: id.parse().unwrap(),
        organization: organization.parse().unwrap(),
        engine: "example".to_owned(),
        connection,
        server_name: format!("{id}-0"),
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

pub fn claims(organization: &str, role: &str) -> Claims {
    let exp = SystemClock.now().as_micros() / 1_000_000 + 600;
    let (sub, org, roles) = ("ann".to_owned(), organization.to_owned(), vec![role.to_owned()]);
    Claims { sub, org, roles, exp, ..Claims::default() }
}

pub fn token(organization: &str, role: &str) -> String {
    mint(SECRET, &claims(organization, role)).unwrap()
}

/// A token that is only for some services.
pub fn narrowed(organization: &str, role: &str, services: &[&str]) -> String {
    let services = Some(services.iter().map(|service| (*service).to_owned()).collect());
    mint(SECRET, &Claims { services, ..claims(organization, role) }).unwrap()
}
