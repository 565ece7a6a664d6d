//! The API over a real catalog and an engine without plugins: who may do what, whose things they see, and in which words.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use bulkhead_api::{Api, AuthMode, Claims, HttpConfig, mint, router};
use bulkhead_catalog::{Backup, Catalog, Completed, Job, NewBackup, NewRestore};
use bulkhead_engine::{
    AutomaticConfig, EncryptionConfig, Engine, EngineConfig, EngineLimits, HousekeepingConfig, JobLimits,
    ServiceConfig, WebhookConfig,
};
use bulkhead_model::{Clock, Report, ServiceId, SystemClock};
use bulkhead_runtime::{Connection, Limits, Runtime, RuntimeConfig, ToolSet};
use serde_json::{Value, json};
use tokio::sync::watch;
use tower::ServiceExt;

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
/// No service of the engine has this id, so that no job of it is ever run here.
const SERVICE: &str = "dbtgf28216706";

struct Host {
    router: axum::Router,
    catalog: Catalog,
    _close: watch::Sender<bool>,
    _dir: tempfile::TempDir,
}

impl Host {
    async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let url = format!("sqlite:{}", dir.path().join("catalog.db").display());
        let catalog = Catalog::open(&url, Arc::clone(&clock)).await.unwrap();
        let runtime = Runtime::new(RuntimeConfig {
            cache_dir: dir.path().join("cache"),
            bundled_dir: None,
            plugin_dirs: Vec::new(),
            tools: ToolSet::new(PathBuf::from("/bin/false"), BTreeMap::new()),
            settings: BTreeMap::new(),
            default_limits: Limits::default(),
        });
        let config = EngineConfig {
            host: "api-test".to_owned(),
            data_dir: dir.path().join("data"),
            organizations: vec!["acme".parse().unwrap()],
            services: vec![service()],
            targets: Vec::new(),
            encryption: EncryptionConfig::default(),
            limits: EngineLimits::default(),
            job_limits: JobLimits::default(),
            automatic: AutomaticConfig::default(),
            webhooks: WebhookConfig::default(),
            housekeeping: HousekeepingConfig::default(),
            fail_at: None,
        };
        let engine = Engine::start(config, catalog.clone(), runtime.await.unwrap(), Arc::clone(&clock)).await.unwrap();
        let (close, closing) = watch::channel(false);
        let mode = AuthMode::Jwt { secret: Arc::from(SECRET) };
        let api = Api::new(engine, mode, HttpConfig::default(), clock, closing).unwrap();
        Self { router: router(api), catalog, _close: close, _dir: dir }
    }

    /// Status and body of an answer.
    async fn call(&self, token: Option<&str>, method: &str, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        let (status, text) = self.text(token, method, path, body).await;
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    async fn text(&self, token: Option<&str>, method: &str, path: &str, body: Option<Value>) -> (StatusCode, String) {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let body = match body {
            Some(body) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        let response = self.router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let status = response.status();
        let read = tokio::time::timeout(Duration::from_secs(20), axum::body::to_bytes(response.into_body(), 1 << 20));
        (status, String::from_utf8(read.await.unwrap().unwrap().to_vec()).unwrap())
    }

    async fn scheduled(&self, name: Option<&str>) -> (Backup, Job) {
        let new = NewBackup {
            organization: "acme".parse().unwrap(),
            service: SERVICE.parse().unwrap(),
            method: "full".parse().unwrap(),
            engine: "mariadb".to_owned(),
            name: name.map(str::to_owned),
            target: "managed".parse().unwrap(),
            server: "tx-filip-mdb-ms-0".to_owned(),
            parent: None,
            request: Value::Null,
            attempts_max: 1,
            idempotency: None,
        };
        let (_, backup, job) = self.catalog.schedule_backup(new).await.unwrap().value;
        (backup, job)
    }

    /// A backup that another host has made.
    async fn succeeded(&self) -> (Backup, Job) {
        let (backup, job) = self.scheduled(Some("before-migration")).await;
        let services: [ServiceId; 1] = [SERVICE.parse().unwrap()];
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
        };
        self.catalog.finish_backup(&attempt.id, &completed).await.unwrap();
        (backup, job)
    }
}

fn service() -> ServiceConfig {
    let connection = Connection {
        host: "127.0.0.1".to_owned(),
        port: 9,
        socket: None,
        user: "backup".to_owned(),
        password: "hunter2".to_owned(),
    };
    ServiceConfig {
        id: "db1".parse().unwrap(),
        organization: "acme".parse().unwrap(),
        engine: "mariadb".to_owned(),
        connection,
        server_name: "db1-0".to_owned(),
        data_dir: None,
        stop: Vec::new(),
        start: Vec::new(),
        start_deadline: Duration::from_secs(1),
        retention: None,
        automatic: None,
        max_age: None,
        methods: BTreeMap::new(),
    }
}

fn token(organization: &str, role: &str) -> String {
    let exp = SystemClock.now().as_micros() / 1_000_000 + 600;
    let (sub, org, roles) = ("ann".to_owned(), organization.to_owned(), vec![role.to_owned()]);
    mint(SECRET, &Claims { sub, org, roles, exp, ..Claims::default() }).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn backups_are_told_in_skysqls_words() {
    let host = Host::start().await;
    let (backup, job) = host.succeeded().await;
    let viewer = token("acme", "viewer");
    let (status, page) =
        host.call(Some(&viewer), "GET", &format!("/skybackup/v1/backups?service_id={SERVICE}"), None).await;
    assert_eq!((status, &page["backups_count"], &page["pages_count"]), (StatusCode::OK, &json!(1), &json!(1)));
    let listed = &page["backups"][0];
    let expected = json!({
        "id": backup.id, "service_id": SERVICE, "type": "full", "method": "managed", "server_pod": "tx-filip-mdb-ms-0",
        "backup_size": 5_327_326, "reference_full_backup": "", "point_in_time": "2024-03-26 17:18:21", "status": "Succeeded",
        "name": "before-migration", "job_id": job.id, "message": "Backup has succeeded!", "plain_size": 20_000_000,
    });
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(&listed[field], value, "{field}");
    }
    for field in ["start_time", "end_time"] {
        assert!(listed[field].as_str().unwrap().ends_with('Z'), "{field}");
    }
    for name in [&backup.id.as_str()[..8], "before-migration"] {
        let (_, shown) = host.call(Some(&viewer), "GET", &format!("/v1/backups/{name}"), None).await;
        assert_eq!(shown["id"], json!(backup.id), "{name}");
    }
    let (_, none) = host.call(Some(&viewer), "GET", "/v1/backups?status=Failed", None).await;
    assert_eq!(none, json!({ "backups": [], "backups_count": 0, "pages_count": 0 }));
    let (_, schedules) = host.call(Some(&viewer), "GET", "/v1/backups/schedules", None).await;
    let id = schedules[0]["id"].as_i64().unwrap();
    let (_, schedule) = host.call(Some(&viewer), "GET", &format!("/v1/backups/schedules/{id}"), None).await;
    assert_eq!(
        (&schedule["schedule"], &schedule["type"], &schedule["status"]),
        (&json!("once"), &json!("full"), &json!("Succeeded"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn restores_are_told_in_skysqls_words_and_can_be_hidden() {
    let host = Host::start().await;
    let (backup, _) = host.succeeded().await;
    let (organization, services): (_, [ServiceId; 1]) = ("acme".parse().unwrap(), [SERVICE.parse().unwrap()]);
    let new = NewRestore {
        organization,
        service: SERVICE.parse().unwrap(),
        backup: backup.id.clone(),
        request: Value::Null,
        attempts_max: 1,
        idempotency: None,
    };
    let (restore, job) = host.catalog.schedule_restore(new).await.unwrap().value;
    let administrator = token("acme", "administrator");
    let path = format!("/v1/restores/{}", restore.id);
    let (status, _) = host.call(Some(&administrator), "DELETE", &path, None).await;
    assert_eq!(status, StatusCode::CONFLICT, "a restore that has not ended cannot be hidden");
    let (_, attempt) = host.catalog.claim("elsewhere", &services, Duration::from_mins(1)).await.unwrap().unwrap();
    host.catalog.finish_restore(&attempt.id, "Restore has succeeded!").await.unwrap();
    let (_, shown) = host.call(Some(&administrator), "GET", &path, None).await;
    let expected = json!({
        "id": restore.id, "service_id": SERVICE, "bucket": "managed", "key": backup.id, "type": "physical",
        "status": "Succeeded", "message": "Restore has succeeded!", "job_id": job.id,
    });
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(&shown[field], value, "{field}");
    }
    let (status, _) = host.call(Some(&administrator), "DELETE", &path, None).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let (_, list) = host.call(Some(&administrator), "GET", "/v1/restores", None).await;
    assert_eq!(list, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_wants_a_token_the_right_role_and_the_right_organization() {
    let host = Host::start().await;
    let (backup, job) = host.succeeded().await;
    let (b, j) = (backup.id.as_str(), job.id.as_str());
    let schedule = json!({ "backup_type": "full", "schedule": "once", "service_id": "db1" });
    let restore = json!({ "service_id": "db1", "key": b });
    // Method, path, body, the least role, and what another organization's administrator hears.
    let routes = [
        ("POST", "/v1/backups/schedules".to_owned(), Some(schedule), "operator", 404),
        ("GET", "/v1/backups/schedules".to_owned(), None, "viewer", 200),
        ("GET", "/v1/backups/schedules/1".to_owned(), None, "viewer", 404),
        ("GET", "/v1/backups".to_owned(), None, "viewer", 200),
        ("GET", format!("/v1/backups/{b}"), None, "viewer", 404),
        ("POST", format!("/v1/backups/{b}/verify"), None, "operator", 404),
        ("POST", "/v1/restores".to_owned(), Some(restore), "administrator", 404),
        ("GET", "/v1/restores".to_owned(), None, "viewer", 200),
        ("GET", "/v1/restores/1".to_owned(), None, "viewer", 404),
        ("DELETE", "/v1/restores/1".to_owned(), None, "administrator", 404),
        ("GET", "/v1/services".to_owned(), None, "viewer", 200),
        ("GET", "/v1/services/db1".to_owned(), None, "viewer", 404),
        ("GET", format!("/v1/jobs/{j}"), None, "viewer", 404),
        ("GET", format!("/v1/jobs/{j}/events"), None, "viewer", 404),
        ("POST", format!("/v1/jobs/{j}/cancel"), None, "operator", 404),
        ("GET", "/v1/plugins".to_owned(), None, "viewer", 200),
        ("DELETE", format!("/v1/backups/{b}"), None, "administrator", 404),
    ];
    let below = |role: &str| match role {
        "viewer" => "juggler",
        "operator" => "viewer",
        _ => "operator",
    };
    for (method, path, body, role, foreign) in routes {
        let route = format!("{method} {path}");
        let (status, problem) = host.call(None, method, &path, body.clone()).await;
        assert_eq!((status.as_u16(), &problem["code"]), (401, &json!("unauthenticated")), "{route}");
        let (status, problem) = host.call(Some(&token("acme", below(role))), method, &path, body.clone()).await;
        assert_eq!((status.as_u16(), &problem["code"]), (403, &json!("denied")), "{route}");
        let (status, text) = host.text(Some(&token("other", "administrator")), method, &path, body.clone()).await;
        assert_eq!(status.as_u16(), foreign, "{route}: {text}");
        assert!(!text.contains("before-migration") && !text.contains("db1-0"), "{route}: {text}");
        let (status, text) = host.text(Some(&token("acme", role)), method, &path, body).await;
        assert!(status.as_u16() != 401 && status.as_u16() != 403, "{route}: {status} {text}");
        assert!(!text.contains("hunter2"), "{route}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_requests_are_answered_with_problems() {
    let host = Host::start().await;
    let administrator = token("acme", "administrator");
    let cases = [
        ("GET", "/v1/nothing", None, 404, "no-route", "there is nothing at /v1/nothing"),
        ("PUT", "/v1/backups", None, 405, "method-not-allowed", "/v1/backups does not take PUT"),
        ("POST", "/v1/restores", None, 415, "media-type", "the body is not declared as JSON"),
        ("POST", "/v1/restores", Some(json!({ "servise_id": "db1" })), 400, "invalid", "unknown field `servise_id`"),
        ("GET", "/v1/backups?page=x", None, 400, "invalid", "`page` must be a whole number from 1 to 4294967295"),
        ("GET", "/v1/jobs/nonsense", None, 404, "not-found", "there is no job `nonsense`"),
        ("GET", "/v1/restores/nonsense", None, 404, "not-found", "there is no restore `nonsense`"),
        ("GET", "/v1/services/db2", None, 404, "not-found", "there is no service `db2`"),
        (
            "POST",
            "/v1/backups/schedules",
            Some(json!({ "backup_type": "full", "schedule": "@daily", "service_id": "db1" })),
            422,
            "unsupported",
            "`schedule`: only `once` is supported by this version, not `@daily`",
        ),
    ];
    for (method, path, body, status, code, detail) in cases {
        let (answered, problem) = host.call(Some(&administrator), method, path, body).await;
        let heard = (answered.as_u16(), problem["code"].as_str().unwrap(), problem["detail"].as_str().unwrap());
        assert_eq!(heard, (status, code, detail), "{method} {path}");
        assert_eq!(problem["status"], json!(status));
    }
    let long = json!({ "service_id": "x".repeat(1 << 20), "key": "b" });
    let (status, problem) = host.call(Some(&administrator), "POST", "/v1/restores", Some(long)).await;
    assert_eq!((status.as_u16(), &problem["code"]), (413, &json!("too-large")));
    for path in ["/healthz", "/readyz"] {
        assert_eq!(host.call(None, "GET", path, None).await.0, StatusCode::OK, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_replayed_from_where_the_reader_left_and_end_with_the_job() {
    let host = Host::start().await;
    let (_, job) = host.succeeded().await;
    let viewer = token("acme", "viewer");
    let path = format!("/v1/jobs/{}/events", job.id);
    let (status, all) = host.text(Some(&viewer), "GET", &path, None).await;
    assert_eq!(status, StatusCode::OK);
    assert!(all.contains("event: phase\n") && all.contains("\"phase\":\"copy\""), "{all}");
    let last = all.rsplit("\n\n").find(|event| !event.is_empty()).unwrap();
    assert!(last.contains("event: end\n") && last.contains("\"status\":\"Succeeded\""), "{last}");
    let ids: Vec<i64> = all.lines().filter_map(|line| line.strip_prefix("id: ")?.parse().ok()).collect();
    assert!(!ids.is_empty() && ids.is_sorted(), "{ids:?}");
    let request = Request::builder()
        .uri(&path)
        .header(header::AUTHORIZATION, format!("Bearer {viewer}"))
        .header("last-event-id", ids.last().unwrap().to_string());
    let response = host.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let rest = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    let rest = String::from_utf8(rest.to_vec()).unwrap();
    assert!(!rest.contains("event: phase") && rest.contains("event: end"), "{rest}");
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_a_waiting_job_end_when_it_is_cancelled() {
    let host = Host::start().await;
    let (_, job) = host.scheduled(None).await;
    let operator = token("acme", "operator");
    let path = format!("/v1/jobs/{}/events", job.id);
    let cancel_path = format!("/v1/jobs/{}/cancel", job.id);
    let (events, cancel) = tokio::join!(
        host.text(Some(&operator), "GET", &path, None),
        host.call(Some(&operator), "POST", &cancel_path, None),
    );
    assert_eq!((cancel.0, &cancel.1["status"]), (StatusCode::ACCEPTED, &json!("Cancelled")));
    let (_, events) = events;
    assert!(events.contains("event: end") && events.contains("\"status\":\"Cancelled\""), "{events}");
}
