//! The requests that SkySQL documents, sent as they are printed: only the base address and the credentials differ.

use bulkhead_test_support::dataset::Scale;
use bulkhead_test_support::{Account, HostOptions, MariaDb, ServiceEntry, dataset};
use serde_json::{Value, json};

use crate::scene::{DEADLINE, Scene};

const SERVICE: &str = "dbtgf28044362";
const SCHEDULES: &str = "/skybackup/v1/backups/schedules";

/// How a client of SkySQL calls: by token on older pages, by key on newer ones.
struct Client<'a> {
    scene: &'a Scene,
    server: &'a MariaDb,
    credential: String,
}

impl Client<'_> {
    /// The status and the answer; null when there is none.
    fn send(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let headers = [self.credential.as_str(), "Content-Type: application/json", "Accept: application/json"];
        let answer = self.scene.host.http(method, path, &headers, body.as_bytes()).unwrap();
        let document = if answer.body.is_empty() { Value::Null } else { answer.json().unwrap() };
        (answer.status, document)
    }

    fn made(&self, path: &str, body: &str) -> Value {
        let (status, answer) = self.send("POST", path, body);
        assert!((200..300).contains(&status), "{body}: {status} {answer}");
        answer
    }

    fn get(&self, path: &str) -> Value {
        let (status, answer) = self.send("GET", path, "");
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    /// What this version does not do yet must be said plainly, and never be half done.
    fn unsupported(&self, path: &str, body: &str, words: &str) {
        let (status, answer) = self.send("POST", path, body);
        assert_eq!((status, &answer["code"]), (422, &json!("unsupported")), "{body}: {answer}");
        assert!(answer["detail"].as_str().unwrap().contains(words), "{body}: {answer}");
    }
}

/// Every documented field is there, with a value of the documented kind.
fn has_fields(answer: &Value, like: &Value) {
    for (field, value) in like.as_object().unwrap() {
        let found = answer.get(field).unwrap_or_else(|| panic!("`{field}` is missing in {answer}"));
        assert_eq!(std::mem::discriminant(found), std::mem::discriminant(value), "`{field}` of {answer}");
    }
}

#[test]
fn skysqls_documented_requests_are_answered_in_its_words() {
    let server = MariaDb::start().unwrap();
    dataset::load(&server, Scale::Small).unwrap();
    let mut service = ServiceEntry::of(SERVICE, &server).account(Account::ADMIN);
    service.extra = "server_name = \"tx-filip-mdb-ms-0\"\n".to_owned();
    let scene = Scene::start(HostOptions { services: vec![service], ..HostOptions::default() });
    let key = scene.post("/v1/api-keys", &json!({"name": "skysql client", "role": "administrator"}));
    let token = scene.host.token("acme", "administrator").unwrap();
    for credential in [format!("Authorization: Bearer {token}"), format!("X-API-Key: {}", key["key"].as_str().unwrap())]
    {
        let client = Client { scene: &scene, server: &server, credential };
        let backup = schedules(&client);
        backups(&client, &backup);
        restores(&client, &backup);
        buckets(&client);
    }
}

fn schedules(client: &Client) -> String {
    // One-time.
    let mut last = String::new();
    for (asked, kind) in [
        ("full", "full"),
        ("incremental", "incremental"),
        ("binarylog", "binarylog"),
        ("binlog", "binarylog"),
        ("dump", "dump"),
        ("logical", "dump"),
        ("physical", "full"),
    ] {
        // What is archived is what was committed since.
        client.server.execute("CREATE DATABASE IF NOT EXISTS skysql; CREATE OR REPLACE TABLE skysql.lines (line INT); INSERT INTO skysql.lines VALUES (1)").unwrap();
        let body = format!(r#"{{"backup_type": "{asked}", "schedule": "once", "service_id": "{SERVICE}"}}"#);
        let made = client.made(SCHEDULES, &body);
        let mut documented = json!({"id": 253, "service_id": SERVICE, "schedule": "once", "type": kind,
            "status": "Scheduled", "message": "Backup is scheduled."});
        assert!(made["id"].is_u64(), "{made}");
        documented["id"] = made["id"].clone();
        for (field, value) in documented.as_object().unwrap() {
            assert_eq!(&made[field], value, "{made}");
        }
        let job = client.scene.ended(made["job_id"].as_str().unwrap());
        assert_eq!(job["status"], "Succeeded", "{job}");
        let path = format!("{SCHEDULES}/{}", made["id"]);
        assert_eq!(client.get(&path)["status"], "Succeeded");
        let (status, refusal) = client.send("PATCH", &path, r#"{"schedule": "0 9 ** *"}"#);
        assert_eq!(status, 409, "a one-time schedule cannot be changed: {refusal}");
        made["backup_id"].as_str().unwrap().clone_into(&mut last);
    }
    // By crontab, as printed on their pages.
    for (printed, read) in [("0 3 * * *", "0 3 * * *"), ("0 2 ** *", "0 2 * * *")] {
        let body = format!(r#"{{"backup_type": "full", "schedule": "{printed}", "service_id": "{SERVICE}"}}"#);
        let made = client.made(SCHEDULES, &body);
        assert_eq!((&made["schedule"], &made["status"]), (&json!(read), &json!("Scheduled")), "{made}");
        let path = format!("{SCHEDULES}/{}", made["id"]);
        let (status, changed) = client.send("PATCH", &path, r#"{"schedule": "0 9 ** *"}"#);
        assert_eq!((status, &changed["schedule"]), (200, &json!("0 9 * * *")), "{changed}");
        assert!(changed["next_fire_time"].as_str().unwrap().ends_with("T09:00:00Z"), "9 AM UTC: {changed}");
        let listed = client.get(&format!("{SCHEDULES}?service_id={SERVICE}"));
        assert!(listed.as_array().unwrap().iter().any(|schedule| schedule["id"] == made["id"]), "{listed}");
        assert!(client.get(SCHEDULES).as_array().unwrap().len() >= listed.as_array().unwrap().len());
        assert!((200..300).contains(&client.send("DELETE", &path, "").0));
        assert_eq!(client.send("GET", &path, "").0, 404);
    }
    let body = format!(r#"{{"backup_type": "snapshot", "schedule": "once", "service_id": "{SERVICE}"}}"#);
    client.unsupported(SCHEDULES, &body, "snapshot");
    last
}

fn backups(client: &Client, backup: &str) {
    let documented = json!({"id": "eda3b72460c8c0d9d61a7f01b6a22e32:dbtgf28216706:tx-filip-mdb-ms-0",
        "service_id": "dbtgf28216706", "type": "full", "method": "skybucket", "server_pod": "tx-filip-mdb-ms-0",
        "backup_size": 5_327_326, "reference_full_backup": "", "point_in_time": "2024-03-26 17:18:21",
        "start_time": "2024-03-26T17:18:57Z", "end_time": "2024-03-26T17:19:01Z", "status": "Succeeded"});
    for path in ["/skybackup/v1/backups".to_owned(), format!("/skybackup/v1/backups?service_id={SERVICE}")] {
        let page = client.get(&path);
        let listed = page["backups"].as_array().unwrap();
        assert_eq!(page["backups_count"].as_u64().unwrap() as usize, listed.len(), "{page}");
        assert_eq!(page["pages_count"], 1);
        let found = listed.iter().find(|listed| listed["id"] == backup).unwrap();
        has_fields(found, &documented);
        assert_eq!(found["status"], "Succeeded");
        let (hex, rest) = backup.split_once(':').unwrap();
        assert!(hex.len() == 32 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()), "{backup}");
        assert_eq!(rest, format!("{SERVICE}:tx-filip-mdb-ms-0"));
        // `2024-03-26 17:18:21`, and `2024-03-26T17:18:57Z`.
        assert_eq!(found["point_in_time"].as_str().unwrap().len(), 19);
        assert_eq!(found["end_time"].as_str().unwrap().len(), 20);
        let incremental = listed.iter().find(|listed| listed["type"] == "incremental").unwrap();
        let full = incremental["reference_full_backup"].as_str().unwrap();
        assert!(listed.iter().any(|listed| listed["id"] == full && listed["type"] == "full"), "{incremental}");
    }
}

fn restores(client: &Client, backup: &str) {
    let body = format!(r#"{{"key": "{backup}", "service_id": "{SERVICE}"}}"#);
    let made = client.made("/skybackup/v1/restores", &body);
    let documented = json!({"id": 12, "service_id": "dbtgf28216706", "bucket": "gs://sky-x/orgpxw1x",
        "key": "x", "type": "physical", "status": "Running", "message": "server is not-ready"});
    has_fields(&made, &documented);
    assert_eq!((&made["key"], &made["type"]), (&json!(backup), &json!("physical")));
    let path = format!("/skybackup/v1/restores/{}", made["id"]);
    let ended = wait_for_end(client, &path);
    assert_eq!((&ended["status"], &ended["message"]), (&json!("Succeeded"), &json!("Restore has succeeded!")));
    let listed = client.get("/skybackup/v1/restores");
    assert!(listed.as_array().unwrap().iter().any(|restore| restore["id"] == made["id"]), "{listed}");
    assert!((200..300).contains(&client.send("DELETE", &path, "").0));
    let listed = client.get("/skybackup/v1/restores");
    assert!(listed.as_array().unwrap().iter().all(|restore| restore["id"] != made["id"]), "{listed}");
    // To a moment: `id` is the source service then, and the time is UTC.
    let window = client.get(&format!("/skybackup/v1/services/{SERVICE}/recovery-window"));
    let intervals = window["intervals"].as_array().unwrap();
    let with_logs = intervals.iter().find(|interval| interval["logs_count"].as_u64() > Some(0));
    let to = with_logs.unwrap_or_else(|| panic!("no logs lead anywhere: {window}"))["to"].as_str().unwrap();
    let instant = to[..19].replace('T', " ");
    let ask =
        |instant: &str| format!(r#"{{"service_id": "{SERVICE}", "id": "{SERVICE}", "point_in_time": "{instant}"}}"#);
    let made = client.made("/skybackup/v1/restores", &ask(&instant));
    let ended = wait_for_end(client, &format!("/skybackup/v1/restores/{}", made["id"]));
    assert_eq!(ended["status"], "Succeeded", "{ended}");
    // Outside of the window: refused with what there is.
    let (status, refusal) = client.send("POST", "/skybackup/v1/restores", &ask("2024-03-26 17:18:21"));
    assert_eq!((status, &refusal["code"]), (400, &json!("invalid")), "{refusal}");
    assert!(refusal["detail"].as_str().unwrap().contains("2024-03-26T17:18:21Z cannot be restored"), "{refusal}");
}

fn wait_for_end(client: &Client, path: &str) -> Value {
    let ended = bulkhead_test_support::process::wait_until("the restore ends", DEADLINE, || {
        let shown = client.get(path);
        Ok(matches!(shown["status"].as_str(), Some("Succeeded" | "Failed" | "Cancelled")).then_some(shown))
    });
    ended.unwrap()
}

/// Own buckets. Those of the printed requests are not there: what is asked for is taken, and fails when it is tried.
fn buckets(client: &Client) {
    let aws = "W2RlZmF1bHRdCmF3c19hY2Nlc3Nfa2V5X2lkID0gQUtJQUlPU0ZPRE5ON0VYQU1QTEUKYXdzX3NlY3JldF9hY2Nlc3Nfa2V5ID0gd0phbHJYVXRuRkVNSS9LN01ERU5HL2JQeFJmaUNZRVhBTVBMRUtFWQpyZWdpb24gPSB1cy13ZXN0LTIK";
    for schedule in ["0 3 * * *", "0 2 ** *"] {
        let body = format!(
            r#"{{"backup_type": "full", "schedule": "{schedule}", "service_id": "{SERVICE}",
                "external_storage": {{"bucket": {{"path": "s3://my_backup_bucket", "credentials": "{aws}"}}}}}}"#
        );
        let made = client.made(SCHEDULES, &body);
        assert_eq!(made["external_storage"], json!({"bucket": {"path": "s3://my_backup_bucket"}}), "{made}");
        assert!(!made.to_string().contains(aws), "{made}");
        assert!((200..300).contains(&client.send("DELETE", &format!("{SCHEDULES}/{}", made["id"]), "").0));
    }
    for (key, more) in [
        (r#""key": "/backup.tar.gz""#, r#""bucket": "s3://my_backup_bucket", "method": "mariabackup""#),
        (r#""id": "/backup.tar.gz""#, r#""bucket": "s3://my_backup_bucket/", "method": "mysqldump""#),
        (
            r#""key": "/backup.tar.gz""#,
            r#""bucket": "s3://my_backup_bucket", "method": "mariabackup", "encryption_key": "my_encryption_key""#,
        ),
    ] {
        let body =
            format!(r#"{{"service_id": "{SERVICE}", {key}, "external_source": {{{more}, "credentials": "{aws}"}}}}"#);
        let restore = client.made("/skybackup/v1/restores", &body);
        assert_eq!(restore["key"], "/backup.tar.gz", "{restore}");
        assert!(restore["bucket"].as_str().unwrap().starts_with("s3://my_backup_bucket"), "{restore}");
        assert!(!restore.to_string().contains("my_encryption_key") && !restore.to_string().contains(aws), "{restore}");
    }
}
