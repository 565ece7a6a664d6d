//! Backups in several targets, and targets that describe themselves.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use bulkhead_test_support::{HostOptions, MariaDb, ServiceEntry, process, workspace};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::scene::{Asked, DEADLINE, Scene, files};

const SERVICE: &str = "small";

/// Short waits, and more tries than any test needs.
const LIMITS: &str = "[limits]\nretry_after = \"50ms\"\nattempts_max = 100\npoll = \"100ms\"\n\n";

/// A host with the smallest method, its own target and one that is elsewhere.
struct Two {
    scene: Scene,
    offsite: PathBuf,
    _elsewhere: TempDir,
    _plugins: TempDir,
    _server: MariaDb,
}

impl Two {
    fn start() -> Self {
        let elsewhere = tempfile::tempdir().unwrap();
        let offsite = elsewhere.path().join("offsite");
        let root = json!(offsite.to_str().unwrap());
        let target = format!("[[target]]\nid = \"offsite\"\nplugin = \"filesystem\"\nconfig = {{ root = {root} }}\n\n");
        let server = MariaDb::start().unwrap();
        let (options, plugins) = options(SERVICE, &server);
        let scene = Scene::start(HostOptions { extra: format!("{LIMITS}{target}"), ..options });
        Self { scene, offsite, _elsewhere: elsewhere, _plugins: plugins, _server: server }
    }

    fn ask(&self, copies: &[&str]) -> Asked {
        let body = json!({"service_id": SERVICE, "backup_type": "minimal", "schedule": "once", "copies": copies});
        let made = self.scene.post("/v1/backups/schedules", &body);
        let text = |key: &str| made[key].as_str().unwrap().to_owned();
        Asked { method: "minimal".to_owned(), backup: text("backup_id"), job: text("job_id") }
    }

    fn copies(&self, asked: &Asked) -> Vec<(String, String)> {
        let shown = self.scene.get(&format!("/v1/backups/{}", asked.backup));
        let copy =
            |copy: &Value| (copy["target"].as_str().unwrap().to_owned(), copy["status"].as_str().unwrap().to_owned());
        shown["copies"].as_array().unwrap().iter().map(copy).collect()
    }

    /// What lies of a backup below a root, by its path there.
    fn held(&self, root: &Path, asked: &Asked) -> BTreeMap<PathBuf, Vec<u8>> {
        let folder = root.join("acme").join(SERVICE).join(&asked.backup);
        files(&folder)
            .into_iter()
            .map(|file| (file.strip_prefix(root).unwrap().to_owned(), fs::read(&file).unwrap()))
            .collect()
    }

    fn restore(&self, asked: &Asked) -> Value {
        let made = self.scene.post("/v1/restores", &json!({"service_id": SERVICE, "key": asked.backup}));
        self.scene.ended(made["job_id"].as_str().unwrap())
    }

    fn data(&self, asked: &Asked) -> PathBuf {
        self.scene.host.bucket().join("acme").join(SERVICE).join(&asked.backup).join("state.txt.zst")
    }
}

/// A host with the smallest method for one service. Its data are not what matters here; a restore wants a server that answers.
fn options(service: &str, server: &MariaDb) -> (HostOptions, TempDir) {
    let plugins = tempfile::tempdir().unwrap();
    let method = workspace::example("minimal-method");
    fs::copy(&method, plugins.path().join(method.file_name().unwrap())).unwrap();
    let mut service = ServiceEntry::of(service, server);
    service.engine = "example".to_owned();
    (
        HostOptions { services: vec![service], plugin_dir: Some(plugins.path().to_owned()), ..HostOptions::default() },
        plugins,
    )
}

#[test]
fn one_stream_goes_to_all_targets_and_a_restore_reads_from_whichever_has_it() {
    let two = Two::start();
    let asked = two.ask(&["offsite"]);
    two.scene.succeeds(&asked);
    assert_eq!(two.copies(&asked), [("offsite".to_owned(), "Succeeded".to_owned())]);
    let (own, copy) = (two.held(&two.scene.host.bucket(), &asked), two.held(&two.offsite, &asked));
    assert_eq!(own.len(), 2, "an object and the manifest: {:?}", own.keys());
    assert!(own == copy, "{:?} and {:?}", own.keys(), copy.keys());

    fs::remove_file(two.data(&asked)).unwrap();
    assert_eq!(two.restore(&asked)["status"], "Succeeded", "{}", two.scene.host.log_tail());
    // Bytes that are other ones have their size: only a verify sees it, and the restore after that goes elsewhere.
    let mut bytes = own.values().next().unwrap().clone();
    bytes[10] ^= 1;
    fs::write(two.data(&asked), &bytes).unwrap();
    let verify = two.scene.post(&format!("/v1/backups/{}/verify", asked.backup), &json!({"level": "stored"}));
    two.scene.ended(verify["id"].as_str().unwrap());
    let shown = two.scene.get(&format!("/v1/backups/{}", asked.backup));
    assert!(!shown["suspect"].is_null(), "{shown}");
    assert_eq!(two.restore(&asked)["status"], "Succeeded");

    two.scene.host.run(&["backup", "delete", &asked.backup]).unwrap().ok().unwrap();
    process::wait_until("nothing is left of it anywhere", DEADLINE, || {
        let left = two.held(&two.scene.host.bucket(), &asked).len() + two.held(&two.offsite, &asked).len();
        Ok((left == 0).then_some(()))
    })
    .unwrap();
}

#[test]
fn a_target_that_is_down_gets_its_copy_when_it_is_up_again() {
    let two = Two::start();
    fs::rename(&two.offsite, two.offsite.with_extension("away")).unwrap();
    fs::write(&two.offsite, "no directory").unwrap();
    let asked = two.ask(&["offsite"]);
    two.scene.succeeds(&asked);
    let shown = two.scene.get(&format!("/v1/backups/{}", asked.backup));
    assert_eq!(shown["status"], "Succeeded", "{shown}");
    let copy = &shown["copies"][0];
    assert_eq!(copy["status"], "Scheduled", "{shown}");
    assert!(copy["job_id"] != shown["job_id"], "it is not tried again: {shown}");

    fs::remove_file(&two.offsite).unwrap();
    fs::rename(two.offsite.with_extension("away"), &two.offsite).unwrap();
    let job = two.scene.ended(copy["job_id"].as_str().unwrap());
    assert_eq!((&job["kind"], &job["status"]), (&json!("copy"), &json!("Succeeded")), "{job}");
    assert!(two.held(&two.scene.host.bucket(), &asked) == two.held(&two.offsite, &asked));

    // Later, by hand; and never of what is damaged.
    let (later, damaged) = (two.ask(&[]), two.ask(&[]));
    two.scene.succeeds(&later);
    let said = two.scene.host.run(&["backup", "copy", &later.backup, "--to", "offsite"]).unwrap().ok().unwrap();
    assert!(said.stdout.contains("lies in offsite as well"), "{}", said.stdout);
    assert!(two.held(&two.scene.host.bucket(), &later) == two.held(&two.offsite, &later));
    let again = two.scene.host.run(&["backup", "copy", &later.backup, "--to", "offsite"]).unwrap();
    assert!(again.code != Some(0) && again.stderr.contains("lies in target `offsite` already"), "{}", again.stderr);
    two.scene.succeeds(&damaged);
    let mut bytes = fs::read(two.data(&damaged)).unwrap();
    bytes[10] ^= 1;
    fs::write(two.data(&damaged), &bytes).unwrap();
    let refused = two.scene.host.run(&["backup", "copy", &damaged.backup, "--to", "offsite"]).unwrap();
    assert!(
        refused.code != Some(0) && refused.stderr.contains("damaged where it is copied from"),
        "{}",
        refused.stderr
    );
    assert_eq!(two.held(&two.offsite, &damaged).len(), 0, "damage was copied");
    assert_eq!(two.copies(&damaged), [("offsite".to_owned(), "Failed".to_owned())]);
}

#[test]
fn a_lost_catalog_is_rebuilt_from_the_target_and_told_what_differs() {
    let (bucket, server) = (tempfile::tempdir().unwrap(), MariaDb::start().unwrap());
    let (first, _plugins) = options(SERVICE, &server);
    let first = Scene::start(HostOptions { bucket: Some(bucket.path().to_owned()), ..first });
    let (kept, other) = (first.ask(SERVICE, "minimal", None), first.ask(SERVICE, "minimal", None));
    first.succeeds(&kept);
    first.succeeds(&other);
    let before = first.get(&format!("/v1/backups/{}", kept.backup));
    drop(first);

    let (second, _plugins) = options(SERVICE, &server);
    let second = Scene::start(HostOptions { bucket: Some(bucket.path().to_owned()), ..second });
    let run = |arguments: &[&str]| second.host.run(arguments).unwrap();
    let unknown = run(&["catalog", "check", "--target", "managed"]);
    assert!(unknown.code != Some(0) && unknown.stdout.contains("unknown"), "{}", unknown.stdout);
    let rebuilt = run(&["catalog", "rebuild", "--target", "managed"]).ok().unwrap();
    assert!(rebuilt.stdout.contains("2 backups registered"), "{}", rebuilt.stdout);
    let after = second.get(&format!("/v1/backups/{}", kept.backup));
    for field in ["status", "type", "backup_size", "plain_size", "point_in_time", "plugin_digest", "service_id"] {
        assert_eq!(before[field], after[field], "{field}");
    }
    assert_eq!(second.get("/v1/backups")["backups_count"], 2);
    let restore = second.post("/v1/restores", &json!({"service_id": SERVICE, "key": kept.backup}));
    assert_eq!(second.ended(restore["job_id"].as_str().unwrap())["status"], "Succeeded");
    run(&["catalog", "check", "--target", "managed"]).ok().unwrap();
    let twice = run(&["catalog", "rebuild", "--target", "managed"]).ok().unwrap();
    assert!(twice.stdout.contains("0 backups registered"), "{}", twice.stdout);

    let folder = |asked: &Asked| bucket.path().join("acme").join(SERVICE).join(&asked.backup);
    fs::remove_dir_all(folder(&kept)).unwrap();
    fs::remove_file(folder(&other).join("state.txt.zst")).unwrap();
    let found = run(&["catalog", "check", "--target", "managed", "--json"]);
    let found: Value = serde_json::from_str(&found.stdout).unwrap();
    let kinds: Vec<(&str, &str)> = found["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| (finding["kind"].as_str().unwrap(), finding["backup_id"].as_str().unwrap()))
        .collect();
    assert!(kinds.contains(&("missing", &kept.backup)), "{found}");
    assert!(kinds.contains(&("damaged", &other.backup)), "{found}");
}

#[test]
fn backups_of_another_installation_are_registered_pinned_and_restored() {
    let (bucket, server) = (tempfile::tempdir().unwrap(), MariaDb::start().unwrap());
    let (mut theirs, _plugins) = options("old", &server);
    for service in &mut theirs.services {
        service.organization = "globex".to_owned();
    }
    let theirs = Scene::start(HostOptions { bucket: Some(bucket.path().to_owned()), ..theirs });
    let token = theirs.host.token("globex", "administrator").unwrap();
    let headers = [format!("Authorization: Bearer {token}"), "Content-Type: application/json".to_owned()];
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    let body = json!({"service_id": "old", "backup_type": "minimal", "schedule": "once"}).to_string();
    let made: Value =
        theirs.host.http("POST", "/v1/backups/schedules", &headers, body.as_bytes()).unwrap().json().unwrap();
    let backup = made["backup_id"].as_str().unwrap().to_owned();
    process::wait_until("their backup is made", DEADLINE, || {
        let shown: Value =
            theirs.host.http("GET", &format!("/v1/backups/{backup}"), &headers, b"").unwrap().json().unwrap();
        Ok((shown["status"] == "Succeeded").then_some(()))
    })
    .unwrap();
    let import = |host: &bulkhead_test_support::BulkheadHost| {
        let from = ["--from-organization", "globex", "--from-service", "old", "--as-service", SERVICE];
        host.run(&[&["backup", "import", "--target", "managed"], &from[..]].concat()).unwrap()
    };
    // There, it is another tenant's.
    let refused = import(&theirs.host);
    assert!(refused.code != Some(0) && refused.stderr.contains("is one of this host"), "{}", refused.stderr);
    drop(theirs);

    let (ours, _plugins) = options(SERVICE, &server);
    let ours = Scene::start(HostOptions { bucket: Some(bucket.path().to_owned()), ..ours });
    let said = import(&ours.host).ok().unwrap();
    assert!(said.stdout.contains("1 backups registered"), "{}", said.stdout);
    let shown = ours.get(&format!("/v1/backups/{backup}"));
    assert_eq!((&shown["service_id"], &shown["pinned"]), (&json!(SERVICE), &json!(true)), "{shown}");
    let restore = ours.post("/v1/restores", &json!({"service_id": SERVICE, "key": backup}));
    assert_eq!(ours.ended(restore["job_id"].as_str().unwrap())["status"], "Succeeded", "{}", ours.host.log_tail());
    let kept = ours.host.run(&["backup", "delete", &backup]).unwrap();
    assert!(kept.code != Some(0) && kept.stderr.contains("pinned"), "{}", kept.stderr);
}
