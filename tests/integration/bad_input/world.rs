//! Databases, tools and targets that are not as the configuration says, and secrets that must not get out.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bulkhead_test_support::{Account, BulkheadHost, HostOptions, JWT_SECRET, MariaDb, ServiceEntry};
use serde_json::Value;

const DEADLINE: Duration = Duration::from_secs(180);
const QUICK: &str = "[limits]\nattempts_max = 2\nretry_after = \"100ms\"\n";
const WRONG_PASSWORD: &str = "wrong-secret-7d1f";

/// A backup that must fail; gives its failure and the number of its tries.
fn fails(host: &BulkheadHost, service: &str, method: &str) -> (Value, u64) {
    let created = host.json(&["backup", "create", "--service", service, "--type", method]).unwrap();
    let job = host.wait_for("job", created["job_id"].as_str().unwrap(), DEADLINE).unwrap();
    assert_eq!(job["status"], "Failed", "{service} {method}: {job}");
    (job["failure"].clone(), job["attempts_made"].as_u64().unwrap())
}

#[track_caller]
fn says(failure: &Value, code: &str, phrases: &[&str]) {
    assert_eq!(failure["code"], code, "{failure}");
    let text = format!("{} {}", failure["message"].as_str().unwrap(), failure["hint"].as_str().unwrap_or_default());
    for phrase in phrases {
        assert!(text.contains(phrase), "`{phrase}` is not in {text}");
    }
}

#[test]
fn a_database_that_is_down_or_refuses_the_password_is_named_and_no_secret_gets_out() {
    let server = MariaDb::start().unwrap();
    let services = ["db1", "down", "refused"].map(|id| ServiceEntry::of(id, &server)).to_vec();
    let host = BulkheadHost::start(HostOptions {
        services,
        extra: format!("{QUICK}[log]\nfilter = \"debug\"\n"),
        environment: [
            ("BULKHEAD_SERVICE__DOWN__PORT", "1"),
            ("BULKHEAD_SERVICE__REFUSED__PASSWORD_ENV", "WRONG"),
            ("WRONG", WRONG_PASSWORD),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec(),
        ..HostOptions::default()
    })
    .unwrap();
    let mut answers = String::new();
    for method in ["full", "dump"] {
        let (failure, tries) = fails(&host, "down", method);
        says(&failure, "unavailable", &["server at 127.0.0.1:1 does not answer"]);
        assert_eq!(tries, 2, "{method}: another try may help");
        let (failure, tries) = fails(&host, "refused", method);
        says(
            &failure,
            "denied",
            &["Access denied for user 'bulkhead_backup'", "check the service's user and password"],
        );
        assert_eq!(tries, 1, "{method}: another try does not help");
        answers.push_str(&failure.to_string());
    }
    let waited = host.run(&["backup", "create", "--service", "refused", "--type", "full", "--wait"]).unwrap();
    assert_eq!(waited.code, Some(1), "{waited:?}");
    assert!(waited.stderr.contains("Access denied") && waited.stderr.contains("hint: check"), "{waited:?}");
    answers.push_str(&waited.stdout);
    answers.push_str(&waited.stderr);

    // While backups run, nobody who lists processes learns a secret.
    let done = AtomicBool::new(false);
    let children = std::thread::scope(|scope| {
        let watch = scope.spawn(|| watch_children(host.pid().unwrap(), &done));
        for method in ["full", "dump"] {
            host.backup("db1", method).unwrap();
        }
        done.store(true, Ordering::Relaxed);
        watch.join().unwrap()
    });
    assert!(children.iter().any(|line| line.contains("mariadb-backup")), "no tool was seen: {children:?}");
    for child in &children {
        no_secret("a child process", child.as_bytes());
    }

    // Nor does anybody who reads what the host says and keeps.
    let administrator = format!("Authorization: Bearer {}", host.token("acme", "administrator").unwrap());
    let backups = host.api("GET", "/v1/backups", &Value::Null).unwrap().json().unwrap();
    let jobs =
        backups["backups"].as_array().unwrap().iter().map(|backup| backup["job_id"].as_str().unwrap().to_owned());
    let jobs: Vec<_> = jobs.flat_map(|job| [format!("/v1/jobs/{job}"), format!("/v1/jobs/{job}/events")]).collect();
    let paths =
        ["/v1/backups", "/v1/backups/schedules", "/v1/services", "/v1/services/refused", "/v1/plugins", "/readyz"];
    for path in paths.into_iter().chain(jobs.iter().map(String::as_str)) {
        answers.push_str(&host.http("GET", path, &[&administrator], b"").unwrap().body);
    }
    assert!(jobs.len() >= 14, "{jobs:?}");
    no_secret("the API's answers", answers.as_bytes());
    no_secret("the log", host.log().as_bytes());
    let mut read = 0;
    for file in files(host.dir()) {
        no_secret(&file.display().to_string(), &fs::read(&file).unwrap());
        read += 1;
    }
    assert!(read > 5, "catalog, bucket and log were read");
}

/// Argument lists and environments of all processes below `host` until `done`.
fn watch_children(host: u32, done: &AtomicBool) -> BTreeSet<String> {
    let own = fs::read(format!("/proc/{host}/cmdline")).unwrap();
    let mut seen = BTreeSet::new();
    while !done.load(Ordering::Relaxed) {
        let mut family = BTreeSet::from([host]);
        // Children have higher numbers as long as numbers do not wrap; what is missed now is seen the next time.
        for pid in processes() {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let parent = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1)?.parse().ok());
            if !parent.is_some_and(|parent: u32| family.contains(&parent)) {
                continue;
            }
            family.insert(pid);
            let read = |what: &str| fs::read(format!("/proc/{pid}/{what}")).unwrap_or_default();
            let environment = read("environ");
            let arguments = read("cmdline");
            // Between fork and exec a child still looks like the host.
            if arguments != own && !arguments.is_empty() {
                let both = [arguments, environment].map(|text| String::from_utf8_lossy(&text).replace('\0', " "));
                seen.insert(both.join(" | "));
            }
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    seen
}

fn processes() -> BTreeSet<u32> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

#[track_caller]
fn no_secret(place: &str, bytes: &[u8]) {
    // The part of the password that no quoting changes.
    let password = &Account::BACKUP.password[..9];
    for secret in [password, WRONG_PASSWORD, JWT_SECRET] {
        let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!found, "{place} holds `{secret}`");
    }
}

fn files(dir: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

#[test]
fn a_tool_or_a_target_that_does_not_fit_is_named_and_a_later_backup_works() {
    let server = MariaDb::start().unwrap();
    let places = tempfile::tempdir().unwrap();
    let tool = |name: &str| {
        let path = places.path().join(name);
        fs::write(
            &path,
            "#!/bin/sh\necho 'mariadb-backup based on MariaDB server 10.3.1-MariaDB Linux (x86_64)' >&2\n",
        )
        .unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    };
    let (other_version, gone) = (tool("mariadb-backup"), tool("mariadb-dump"));
    let options = |extra: String| HostOptions {
        services: vec![ServiceEntry::of("db1", &server)],
        extra,
        ..HostOptions::default()
    };
    let host = BulkheadHost::start(options(format!(
        "{QUICK}[tools.mariadb-backup]\npath = \"{}\"\n[tools.mariadb-dump]\npath = \"{}\"\n",
        other_version.display(),
        gone.display()
    )))
    .unwrap();
    let (failure, _) = fails(&host, "db1", "full");
    says(
        &failure,
        "unsupported",
        &["the server is ", "mariadb-backup of this host is 10.3.1", "name it in [tools.mariadb-backup]"],
    );
    let doctor = host.run(&["doctor", "--config", "bulkhead.toml"]).unwrap();
    assert_eq!(doctor.code, Some(1), "{doctor:?}");
    assert!(doctor.stdout.contains("10.3.1"), "{doctor:?}");
    fs::remove_file(&gone).unwrap();
    let (failure, _) = fails(&host, "db1", "dump");
    says(
        &failure,
        "unavailable",
        &[
            "tool `mariadb-dump` was not found at ",
            "apt-get install -y mariadb-client, or set [tools.mariadb-dump] path",
        ],
    );
    drop(host);

    // Where a directory was, a file: not even root writes there.
    let host = BulkheadHost::start(options(QUICK.to_owned())).unwrap();
    fs::remove_dir_all(host.bucket()).unwrap();
    fs::write(host.bucket(), "").unwrap();
    let (failure, _) = fails(&host, "db1", "full");
    let message = failure["message"].as_str().unwrap();
    assert!(message.contains("directory"), "{failure}");
    fs::remove_file(host.bucket()).unwrap();
    fs::create_dir(host.bucket()).unwrap();
    let made = host.backup("db1", "full").unwrap();
    assert!(host.run(&["backup", "verify", &made]).unwrap().code == Some(0));
    let left = fs::read_dir(host.dir().join("data/scratch")).unwrap().count();
    assert_eq!(left, 0);
}
