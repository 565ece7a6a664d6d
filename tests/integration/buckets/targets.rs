//! A tenant's own bucket, from the first request to the last, with a server that checks every signature.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bulkhead_test_support::bucket::{BUCKET, BucketServer, S3};
use bulkhead_test_support::{BulkheadHost, HostOptions, MariaDbOptions, ServiceEntry};
use serde_json::{Value, json};

use crate::recovery::scene::{SHOP, Scene, id};
use crate::scene::files;

/// What the operator says so that tenants may name an endpoint on this machine.
fn allowed(bucket: &S3) -> String {
    format!("[egress]\nendpoints = [\"http://{}\"]\n\n", bucket.address())
}

/// A credentials file as AWS's tools have it.
fn credentials_file(bucket: &S3, keys: &Value) -> String {
    let key = |name: &str| keys[name].as_str().unwrap();
    let (region, ..) = bucket.server().keys();
    format!(
        "[default]\naws_access_key_id = {}\naws_secret_access_key = {}\nregion = {region}\nendpoint_url = http://{}\n",
        key("access_key_id"),
        key("secret_access_key"),
        bucket.address()
    )
}

fn keys(bucket: &S3) -> Value {
    let (_, access_key, secret_key) = bucket.server().keys();
    json!({"access_key_id": access_key, "secret_access_key": secret_key})
}

/// Writes a file for the command line.
fn file(host: &BulkheadHost, name: &str, text: &str) -> PathBuf {
    let path = host.dir().join(name);
    fs::write(&path, text).unwrap();
    path
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A request as a client of SkySQL's sends it.
fn post(host: &BulkheadHost, path: &str, body: &Value) -> (u16, Value) {
    let authorization = format!("Authorization: Bearer {}", host.token("acme", "administrator").unwrap());
    let headers = [authorization.as_str(), "Content-Type: application/json"];
    let answer = host.http("POST", path, &headers, body.to_string().as_bytes()).unwrap();
    (answer.status, answer.json().unwrap_or(Value::Null))
}

/// How one step of a test went: its state and all it said.
fn step(found: &Value, name: &str) -> (String, String) {
    let steps = found["steps"].as_array().unwrap();
    let step = steps.iter().find(|step| step["name"] == name).unwrap_or_else(|| panic!("no step {name}: {found}"));
    let say = |field: &str| step[field].as_str().unwrap_or_default().to_owned();
    (say("state"), format!("{} {}", say("message"), say("hint")))
}

fn test(host: &BulkheadHost, target: &str) -> Value {
    host.run(&["target", "test", target, "--json"]).unwrap().json().unwrap()
}

#[test]
fn a_tenants_bucket_keeps_all_that_restores_and_its_keys_are_changed_in_place() {
    let bucket = S3::start().unwrap();
    let options = HostOptions { extra: allowed(&bucket), ..HostOptions::default() };
    let mut scene = Scene::with("", &MariaDbOptions::default(), options);
    let own = file(&scene.host, "own.ini", &credentials_file(&bucket, &keys(&bucket)));
    let create = ["target", "create", "byob", "--bucket", &format!("s3://{BUCKET}/tenant"), "--default"];
    let made = scene.host.json(&[&create[..], &["--credentials-file", text(&own)]].concat()).unwrap();
    assert_eq!((&made["kind"], &made["default"]), (&json!("own"), &json!(true)), "{made}");
    let found = test(&scene.host, "byob");
    assert_eq!(found["ok"], true, "{found}");
    assert_eq!(bucket.objects("").unwrap(), [], "the test leaves nothing");

    // Everything goes there, and comes back from there.
    let full = scene.backup("full");
    scene.write(40);
    let incremental = scene.backup("incremental");
    scene.write(40);
    scene.backup("binarylog");
    let lines = scene.pause();
    let dump = scene.backup("dump");
    let kept = bucket.objects("tenant/acme/shop/").unwrap();
    assert_eq!(kept.iter().filter(|(key, _)| key.ends_with("/manifest.json")).count(), 4, "{kept:?}");
    assert_eq!(files(&scene.host.bucket()), Vec::<PathBuf>::new(), "nothing goes anywhere else");
    let incremental_lines = scene.lines_of(&incremental);
    scene.restores_to(&[&id(&incremental)], incremental_lines);
    let moment = incremental_lines + 9;
    scene.restores_to(&[&id(&full), "--gtid", &scene.gtid_of(moment)], moment);
    scene.restores_to(&[&id(&dump)], lines);
    assert_eq!(scene.verify(&full, "drill")["verified_level"], "drill");

    // Keys without rights are told from good ones at once, and good ones need no restart.
    let powerless = bucket.server().powerless();
    let other = file(&scene.host, "other.ini", &credentials_file(&bucket, &powerless));
    scene.host.json(&["target", "update", "byob", "--credentials-file", text(&other)]).unwrap();
    let found = test(&scene.host, "byob");
    assert_eq!((&found["ok"], step(&found, "write").0.as_str()), (&json!(false), "failed"), "{found}");
    let failed = scene.host.create_backup(SHOP, "full").unwrap();
    let failed = scene.host.wait_for("backup", &failed, Duration::from_secs(300)).unwrap();
    assert_eq!((&failed["status"], &failed["failure"]["code"]), (&json!("Failed"), &json!("denied")), "{failed}");
    scene.host.json(&["target", "update", "byob", "--credentials-file", text(&own)]).unwrap();
    scene.backup("full");

    // What holds backups does not go, and what was deleted is gone.
    for arguments in [&["target", "delete", "byob"][..], &["target", "update", "byob", "--option", "prefix=b"]] {
        let refused = scene.host.run(arguments).unwrap();
        assert!(refused.code != Some(0) && refused.stderr.contains("backups lie in target `byob`"), "{refused:?}");
    }
    let listed = scene.host.json(&["backup", "list"]).unwrap();
    for backup in listed["backups"].as_array().unwrap().iter().filter(|backup| backup["status"] == "Succeeded") {
        // One may have gone with what it depends on.
        scene.host.run(&["backup", "delete", backup["id"].as_str().unwrap(), "--with-dependants"]).unwrap();
    }
    bulkhead_test_support::process::wait_until("the target is deleted", Duration::from_secs(120), || {
        Ok((scene.host.run(&["target", "delete", "byob"])?.code == Some(0)).then_some(()))
    })
    .unwrap_or_else(|problem| panic!("{problem}: {}", scene.host.json(&["backup", "list"]).unwrap()));
    assert_eq!(bucket.objects("").unwrap(), []);
    assert_eq!(bucket.unfinished().unwrap(), Vec::<String>::new());
    keeps_its_secrets(&scene.host, &[keys(&bucket), powerless]);
}

/// In no log and no file of the host's does a secret key stand.
fn keeps_its_secrets(host: &BulkheadHost, keys: &[Value]) {
    for keys in keys {
        let secret = keys["secret_access_key"].as_str().unwrap();
        let encoded = STANDARD.encode(secret);
        assert!(!host.log().contains(secret), "a secret is in the log");
        for path in files(&host.dir().join("data")) {
            let bytes = fs::read(&path).unwrap_or_default();
            let holds = |needle: &str| bytes.windows(needle.len()).any(|window| window == needle.as_bytes());
            assert!(!holds(secret) && !holds(&encoded), "a secret is in {}", path.display());
        }
    }
}

#[test]
fn skysqls_external_storage_is_a_bucket_like_any_other() {
    let bucket = S3::start().unwrap();
    let options = HostOptions { extra: allowed(&bucket), ..HostOptions::default() };
    let mut scene = Scene::with("", &MariaDbOptions::default(), options);
    let credentials = STANDARD.encode(credentials_file(&bucket, &keys(&bucket)));
    let path = format!("s3://{BUCKET}/sky/");
    let mut body = json!({"backup_type": "full", "schedule": "once", "service_id": SHOP,
        "external_storage": {"bucket": {"path": path, "credentials": credentials}}});
    let (status, made) = post(&scene.host, "/skybackup/v1/backups/schedules", &body);
    assert_eq!(status, 201, "{made}");
    assert_eq!(made["external_storage"], json!({"bucket": {"path": format!("s3://{BUCKET}/sky")}}), "{made}");
    let backup = made["backup_id"].as_str().unwrap();
    let shown = scene.host.wait_for("backup", backup, Duration::from_secs(300)).unwrap();
    assert_eq!(shown["status"], "Succeeded", "{shown}\n{}", scene.host.log_tail());
    assert!(!bucket.objects("sky/acme/shop/").unwrap().is_empty());
    scene.pause();
    let lines = scene.lines_of(&shown);
    scene.restores_to(&[backup], lines);

    // Again by a schedule that recurs, made on the command line: the same target.
    let ini = file(&scene.host, "own.ini", &credentials_file(&bucket, &keys(&bucket)));
    let create = ["schedule", "create", "0 3 * * *", "--external-storage", path.as_str(), "--credentials-file"];
    let schedule = scene.host.json(&[&create[..], &[text(&ini)]].concat()).unwrap();
    assert_eq!(schedule["target"], made["target"], "{schedule}");
    let targets = scene.host.json(&["target", "list"]).unwrap();
    assert_eq!(targets["targets_count"], 2, "{targets}");
    for answer in [&made, &schedule, &targets] {
        assert!(
            !answer.to_string().contains(bucket.server().keys().2) && !answer.to_string().contains(&credentials),
            "{answer}"
        );
    }
    // Keys that do not fit are said when they are needed, not before.
    let wrong = json!({"access_key_id": bucket.server().keys().1, "secret_access_key": "0".repeat(64)});
    body["external_storage"]["bucket"]["credentials"] = STANDARD.encode(credentials_file(&bucket, &wrong)).into();
    let (_, made) = post(&scene.host, "/skybackup/v1/backups/schedules", &body);
    let backup = made["backup_id"].as_str().unwrap();
    let shown = scene.host.wait_for("backup", backup, Duration::from_secs(300)).unwrap();
    assert_eq!((&shown["status"], &shown["failure"]["code"]), (&json!("Failed"), &json!("denied")), "{shown}");
    keeps_its_secrets(&scene.host, &[keys(&bucket)]);
}

#[test]
fn a_test_of_a_target_says_what_is_missing() {
    let bucket = S3::start().unwrap();
    // A port of this machine that the operator allows and nobody listens at: discard.
    let extra = format!(
        "[egress]\nendpoints = [\"http://{address}\", \"https://{address}\", \"http://127.0.0.1:9\"]\n\n",
        address = bucket.address()
    );
    let services = vec![ServiceEntry::without_server("small")];
    let host = BulkheadHost::start(HostOptions { services, extra, ..HostOptions::default() }).unwrap();
    let good = keys(&bucket);
    let wrong = json!({"access_key_id": good["access_key_id"], "secret_access_key": "0".repeat(64)});
    let unknown = json!({"access_key_id": "AK000000000000000000", "secret_access_key": "0".repeat(64)});
    let reader = bucket.server().reader();
    let http = format!("http://{}", bucket.address());
    let https = format!("https://{}", bucket.address());
    let (region, ..) = bucket.server().keys();
    for (at, (name, endpoint, region, keys, says)) in [
        ("elsewhere", http.as_str(), region, &good, "elsewhere"),
        (BUCKET, http.as_str(), region, &wrong, "the secret access key is wrong"),
        (BUCKET, http.as_str(), region, &unknown, "does not know the access key"),
        (BUCKET, http.as_str(), region, &reader, "PutObject"),
        (BUCKET, http.as_str(), "us-east-1", &good, "the bucket is in region"),
        (BUCKET, https.as_str(), region, &good, "tls"),
        (BUCKET, "http://127.0.0.1:9", region, &good, "connect"),
    ]
    .into_iter()
    .enumerate()
    {
        let id = format!("t{at}");
        let config = json!({"bucket": name, "endpoint": endpoint, "region": region});
        let body = json!({"id": id, "plugin": "s3", "config": config, "credentials": keys});
        let (status, made) = post(&host, "/v1/targets", &body);
        assert_eq!(status, 201, "{made}");
        let found = test(&host, &id);
        assert_eq!(found["ok"], false, "{body}: {found}");
        let said: String = ["reach", "write"].map(|name| step(&found, name).1).concat();
        assert!(said.to_lowercase().contains(&says.to_lowercase()), "`{says}` is not said of {config}: {found}");
        assert!(!found.to_string().contains(keys["secret_access_key"].as_str().unwrap()), "{found}");
        let printed = host.run(&["target", "test", &id]).unwrap();
        assert!(printed.code == Some(1) && printed.stdout.contains(" failed   "), "{printed:?}");
    }
    // A private address that nobody allowed is refused before anything is kept.
    for endpoint in ["http://127.0.0.1:3900", "https://169.254.169.254", "https://localhost"] {
        let config = json!({"bucket": BUCKET, "endpoint": endpoint});
        let (status, refused) =
            post(&host, "/v1/targets", &json!({"id": "inside", "plugin": "s3", "config": config, "credentials": good}));
        assert_eq!((status, &refused["code"]), (403, &json!("denied")), "{endpoint}: {refused}");
    }
    assert_eq!(bucket.objects("").unwrap(), [], "a failed test leaves nothing either");
}

#[test]
fn the_sweep_of_a_tenants_bucket_stays_below_its_organization() {
    let bucket = S3::start().unwrap();
    let extra = format!("{}[limits]\nsweep_every = \"1s\"\nsweep_grace = \"1s\"\n\n", allowed(&bucket));
    let services = vec![ServiceEntry::without_server("small")];
    let host = BulkheadHost::start(HostOptions { services, extra, ..HostOptions::default() }).unwrap();
    // Keys as Bulkhead makes them, of backups that no catalog knows and no manifest names.
    let stray = |prefix: &str| format!("{prefix}/small/{}:small:x/data.zst", "ab".repeat(16));
    let (own, others, foreign) = (stray("tenant/acme"), stray("tenant/globex"), "tenant/acme/small/photo.jpg");
    for key in [own.as_str(), &others, foreign] {
        bucket.write(key, b"x").unwrap();
    }
    let ini = file(&host, "own.ini", &credentials_file(&bucket, &keys(&bucket)));
    let create = ["target", "create", "byob", "--bucket", &format!("s3://{BUCKET}/tenant"), "--credentials-file"];
    host.json(&[&create[..], &[text(&ini)]].concat()).unwrap();
    let objects = || bucket.objects("").unwrap().into_iter().map(|(key, _)| key).collect::<Vec<_>>();
    bulkhead_test_support::process::wait_until("the stray object is swept", Duration::from_secs(60), || {
        Ok((!objects().contains(&own)).then_some(()))
    })
    .unwrap_or_else(|problem| panic!("{problem}\n{}", host.log_tail()));
    // It was listed together with the others.
    assert_eq!(objects(), [foreign.to_owned(), others]);
}
