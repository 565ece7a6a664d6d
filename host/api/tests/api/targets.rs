//! Targets of organizations: what may be named, what is kept, and what is never shown.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bulkhead_catalog::NewBackup;
use serde_json::{Value, json};

use crate::host::{DISCARD, Host, token};

const SECRET: &str = "hunter2hunter2";

/// One organization's administrator.
struct Office {
    host: Host,
    token: String,
}

impl Office {
    async fn open() -> Self {
        Self { host: Host::start().await, token: token("acme", "administrator") }
    }

    async fn send(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let (status, text) = self.host.text(Some(&self.token), method, &format!("/v1{path}"), body).await;
        // Whatever is answered, it does not say them again.
        assert!(!text.contains("hunter2"), "{method} {path}: {text}");
        (status.as_u16(), serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    async fn done(&self, method: &str, path: &str, body: Value) -> Value {
        let (status, answer) = self.send(method, path, Some(body)).await;
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        answer
    }

    async fn refused(&self, method: &str, path: &str, body: Option<Value>, status: u16, words: &str) {
        let at = format!("{method} {path} {body:?}");
        let (answered, answer) = self.send(method, path, body).await;
        let detail = answer["detail"].as_str().unwrap_or_default();
        assert!(answered == status && detail.contains(words), "{at}: {answered} {answer}, not {status} {words}");
    }

    /// A backup that another host is about to make there.
    async fn backup_in(&self, target: &str) {
        let new = NewBackup {
            organization: "acme".parse().unwrap(),
            service: "db1".parse().unwrap(),
            method: "minimal".parse().unwrap(),
            engine: "example".to_owned(),
            name: None,
            target: target.parse().unwrap(),
            copies: Vec::new(),
            server: "db1-0".to_owned(),
            parent: None,
            request: Value::Null,
            attempts_max: 1,
            idempotency: None,
        };
        self.host.catalog.schedule_backup(new).await.unwrap();
    }
}

fn keys() -> Value {
    json!({"access_key_id": "AKIA1", "secret_access_key": SECRET})
}

fn config(more: Value) -> Value {
    let mut config = json!({"bucket": "my-backups", "endpoint": DISCARD});
    for (key, value) in more.as_object().unwrap() {
        config[key] = value.clone();
    }
    config
}

fn target(id: &str, config: Value) -> Value {
    json!({"id": id, "plugin": "s3", "config": config, "credentials": keys()})
}

/// A credentials file as SkySQL's requests carry it.
fn file(secret: &str) -> String {
    STANDARD.encode(format!(
        "[default]\naws_access_key_id = AKIA1\naws_secret_access_key = {secret}\nregion = eu-west-1\nendpoint_url = {DISCARD}\n"
    ))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_is_made_changed_and_deleted_and_its_credentials_never_shown() {
    let office = Office::open().await;
    let made = office.done("POST", "/targets", target("byob", config(json!({"prefix": "a"})))).await;
    assert_eq!((&made["bucket"], &made["has_credentials"]), (&json!("s3://my-backups/a"), &json!(true)), "{made}");
    assert_eq!((&made["kind"], &made["origin"], &made["default"]), (&json!("own"), &json!("api"), &json!(false)));
    assert_eq!(made["config"], config(json!({"prefix": "a"})));

    // The short form says the same.
    let short = json!({"id": "short", "bucket": "s3://my-backups/a/", "credentials": file(SECRET), "default": true});
    let short = office.done("POST", "/targets", short).await;
    assert_eq!(short["config"], config(json!({"prefix": "a", "region": "eu-west-1"})), "{short}");
    let (_, page) = office.send("GET", "/targets", None).await;
    let ids: Vec<_> = page["targets"].as_array().unwrap().iter().map(|target| &target["id"]).collect();
    assert_eq!(ids, ["byob", "managed", "offsite", "short"]);
    let default = |page: &Value| {
        let targets = page["targets"].as_array().unwrap();
        targets.iter().filter(|target| target["default"] == true).map(|target| target["id"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(default(&page), ["short"], "one's own default comes before the one for all");
    let once = json!({"backup_type": "minimal", "schedule": "once", "service_id": "db1"});
    assert_eq!(office.done("POST", "/backups/schedules", once).await["target"], "short");

    // Options and credentials in place; null takes an option away.
    let change = json!({"config": {"storage_class": "STANDARD_IA", "prefix": "/a/"}, "credentials": file("rotated")});
    let changed = office.done("PATCH", "/targets/byob", change).await;
    assert_eq!(changed["config"]["storage_class"], "STANDARD_IA", "{changed}");
    let changed = office.done("PATCH", "/targets/byob", json!({"config": {"storage_class": null}})).await;
    assert_eq!(changed["config"].get("storage_class"), None, "{changed}");

    // What holds backups stays where it is.
    office.backup_in("byob").await;
    for (key, value) in [("prefix", json!("b")), ("bucket", json!("other")), ("prefix", json!(null))] {
        let elsewhere = Some(json!({"config": {key: value}}));
        office.refused("PATCH", "/targets/byob", elsewhere, 409, "1 backup lies in target `byob`").await;
    }
    office.done("PATCH", "/targets/byob", json!({"credentials": keys()})).await;
    office.refused("DELETE", "/targets/byob", None, 409, "1 backup lies in target `byob`").await;
    let daily = json!({"backup_type": "minimal", "schedule": "@daily", "service_id": "db1", "target": "third"});
    office.done("POST", "/targets", target("third", config(json!({"prefix": "c"})))).await;
    let daily = office.done("POST", "/backups/schedules", daily).await;
    office.refused("DELETE", "/targets/third", None, 409, "1 schedule keeps its backups in target `third`").await;
    office.send("DELETE", &format!("/backups/schedules/{}", daily["id"]), None).await;
    assert_eq!(office.send("DELETE", "/targets/third", None).await.0, 204);
    office.refused("GET", "/targets/third", None, 404, "there is no target `third`").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_the_operator_may_name_is_refused() {
    let office = Office::open().await;
    let directory = json!({"id": "t", "plugin": "minimal-storage", "config": {"root": "/etc"}});
    office.refused("POST", "/targets", Some(directory), 403, "`root` of the configuration names a directory").await;
    for endpoint in ["https://127.0.0.1:9443", "https://169.254.169.254", "https://[::1]", "http://example.com"] {
        let (status, answer) =
            office.send("POST", "/targets", Some(target("t", config(json!({"endpoint": endpoint}))))).await;
        assert_eq!((status, &answer["code"]), (403, &json!("denied")), "{endpoint}: {answer}");
    }
    let metadata = config(json!({"instance_metadata": "http://169.254.169.254"}));
    let (status, answer) = office.send("POST", "/targets", Some(target("t", metadata))).await;
    assert_eq!((status, &answer["code"]), (403, &json!("denied")), "{answer}");
    // Nor later.
    office.done("POST", "/targets", target("t", config(json!({})))).await;
    let inside = Some(json!({"config": {"endpoint": "https://10.0.0.1"}}));
    office.refused("PATCH", "/targets/t", inside, 403, "").await;

    // What the operator has configured is theirs.
    office
        .refused("POST", "/targets", Some(target("managed", config(json!({})))), 409, "a target `managed` already")
        .await;
    for (method, body) in [("PATCH", Some(json!({"default": false}))), ("DELETE", None)] {
        office.refused(method, "/targets/managed", body, 409, "stands in the host's configuration").await;
    }
    let (_, managed) = office.send("GET", "/targets/managed", None).await;
    assert_eq!(
        (&managed["kind"], &managed["origin"], &managed["config"]),
        (&json!("managed"), &json!("operator"), &Value::Null)
    );
    let found = office.done("POST", "/targets/managed/test", json!({})).await;
    assert_eq!(found["ok"], true, "{found}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_malformed_place_option_and_credential_is_named() {
    let office = Office::open().await;
    for (more, words) in [
        (json!({"bucket": ""}), "`config.bucket` is missing"),
        (json!({"bucket": "a/b"}), "`bucket`"),
        (json!({"region": "us east"}), "`region`"),
        (json!({"endpoint": "minio"}), "`endpoint`"),
        (json!({"endpoint": "ftp://example.com"}), "`endpoint`"),
        (json!({"endpoint": "https://user:hunter2@example.com"}), "`config.endpoint` must not hold a user"),
        (json!({"part_size_mib": 0}), "`config.part_size_mib` must be a whole number"),
        (json!({"part_size_mib": "8"}), "`config.part_size_mib` must be a whole number"),
        (json!({"parallel": 1000}), "`parallel`"),
        (json!({"checksum": "md5"}), "`config.checksum` must be `crc64nvme` or `none`"),
        (json!({"server_side_encryption": "yes"}), "`config.server_side_encryption` must be"),
        (json!({"kms_key_id": "k"}), "`kms_key_id`"),
        (json!({"object_lock": {"mode": "forever", "days": 1}}), "`config.object_lock.mode` must be"),
        (json!({"prefix": "a/../b"}), "`prefix`"),
        (json!({"buckets": "x"}), "unknown option `config.buckets`"),
    ] {
        office.refused("POST", "/targets", Some(target("t", config(more))), 400, words).await;
    }
    for (credentials, words) in [
        (json!("%%%"), "`credentials`: the text is not base64"),
        (json!(STANDARD.encode("hunter2")), "`credentials`: line 1 is no `key = value`"),
        (json!(STANDARD.encode("[default]\nregion=x")), "`credentials`: `aws_access_key_id` is missing"),
        (json!(STANDARD.encode("{\"access_key_id\": \"hunter2\"")), "`credentials`: the credentials are not JSON"),
        (json!({"access_key_id": "AK"}), "secret_access_key"),
        (json!({"access_key_id": "AK", "secret_access_key": "hunter2 hunter2"}), "secret_access_key"),
        (json!({"access_key_id": "AK", "secret_access_key": "x", "secret": "hunter2"}), "secret"),
        (json!({"type": "service_account"}), "Google service account"),
    ] {
        let mut body = target("t", config(json!({})));
        body["credentials"] = credentials;
        office.refused("POST", "/targets", Some(body), 400, words).await;
    }
    let other = json!({"id": "t", "bucket": "s3://my-backups", "config": {"endpoint": "https://example.com"}, "credentials": file(SECRET)});
    office.refused("POST", "/targets", Some(other), 400, "`credentials`: the file names another endpoint").await;
    let unknown = json!({"id": "t", "plugin": "tape", "config": {}});
    office.refused("POST", "/targets", Some(unknown), 400, "`plugin`: this host has no storage plugin `tape`").await;
    office.refused("GET", "/targets/t", None, 404, "there is no target").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_brings_its_own_storage_as_skysql_writes_it() {
    let office = Office::open().await;
    let ask = |schedule: &str, path: &str, secret: &str| {
        json!({"backup_type": "minimal", "schedule": schedule, "service_id": "db1",
            "external_storage": {"bucket": {"path": path, "credentials": file(secret)}}})
    };
    let made = office.done("POST", "/backups/schedules", ask("0 3 * * *", "s3://my_backups/sky/", SECRET)).await;
    assert_eq!(made["external_storage"], json!({"bucket": {"path": "s3://my_backups/sky"}}), "{made}");
    let id = made["target"].as_str().unwrap().to_owned();
    let (_, own) = office.send("GET", &format!("/targets/{id}"), None).await;
    assert_eq!((&own["origin"], &own["has_credentials"]), (&json!("inline"), &json!(true)), "{own}");
    let schedule = format!("/backups/schedules/{}", made["id"]);
    for path in [schedule.as_str(), "/backups/schedules"] {
        let (_, shown) = office.send("GET", path, None).await;
        assert!(shown.to_string().contains("s3://my_backups/sky\""), "{shown}");
    }

    // The same bucket is the same target, with the credentials that came last.
    let revision = async || {
        office.host.catalog.target(&"acme".parse().unwrap(), &id.parse().unwrap()).await.unwrap().unwrap().revision
    };
    let once = office.done("POST", "/backups/schedules", ask("once", "s3://my_backups/sky", SECRET)).await;
    assert_eq!((&once["target"], revision().await), (&json!(id), 1), "{once}");
    let once = office.done("POST", "/backups/schedules", ask("once", "s3://my_backups/sky", "rotated")).await;
    assert_eq!((&once["target"], revision().await), (&json!(id), 2), "{once}");
    let other = office.done("POST", "/backups/schedules", ask("once", "s3://my_backups/other", SECRET)).await;
    assert_ne!(other["target"], json!(id));

    // Making a target is for administrators of the whole organization; a failed request makes none.
    let (_, before) = office.send("GET", "/targets", None).await;
    let operator = Some(token("acme", "operator"));
    let body = Some(ask("once", "s3://my_backups/third", SECRET));
    let (status, _) = office.host.call(operator.as_deref(), "POST", "/v1/backups/schedules", body).await;
    assert_eq!(status.as_u16(), 403);
    let mut unknown = ask("once", "s3://my_backups/third", SECRET);
    unknown["backup_type"] = json!("full");
    assert_eq!(office.send("POST", "/backups/schedules", Some(unknown)).await.0, 422);
    assert_eq!(office.send("GET", "/targets", None).await.1["targets_count"], before["targets_count"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_of_credentials_opens_nowhere_else() {
    let office = Office::open().await;
    office.done("POST", "/targets", target("byob", config(json!({})))).await;
    let (acme, id) = ("acme".parse().unwrap(), "byob".parse().unwrap());
    let kept = office.host.catalog.target(&acme, &id).await.unwrap().unwrap();
    let sealed = kept.sealed_credentials.clone().unwrap();
    assert!(!sealed.as_str().contains(SECRET) && !format!("{kept:?}").contains(SECRET));
    // Copied to another organization's target, it is of no use there.
    let stolen = bulkhead_catalog::NewTarget {
        organization: "other".parse().unwrap(),
        id,
        plugin: "s3".to_owned(),
        config: kept.config,
        sealed_credentials: Some(sealed),
        default: false,
        origin: bulkhead_catalog::TargetOrigin::Api,
    };
    office.host.catalog.create_target(stolen).await.unwrap();
    let thief = token("other", "administrator");
    let (status, _) = office.host.call(Some(&thief), "POST", "/v1/targets/byob/test", None).await;
    assert_eq!(status.as_u16(), 409, "sealed for somebody else");
    // Nobody listens: that is said by the step that needs somebody.
    let found = office.done("POST", "/targets/byob/test", json!({})).await;
    assert_eq!(found["ok"], false, "{found}");
    let step =
        |name: &str| found["steps"].as_array().unwrap().iter().find(|step| step["name"] == name).unwrap().clone();
    assert_eq!((&step("configuration")["state"], &step("reach")["state"]), (&json!("ok"), &json!("failed")), "{found}");
    assert_eq!(step("read")["state"], "skipped", "{found}");
    let (_, shown) = office.send("GET", "/targets/byob", None).await;
    assert_eq!(shown["test"]["ok"], false, "{shown}");
}
