//! Swaps around a real MariaDB, also with the host killed at every step.

mod others;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bulkhead_model::{AttemptId, FailureKind};
use bulkhead_runtime::{Connection, Level, Observer, ServerControl};
use bulkhead_test_support::{MariaDb, process};
use tempfile::TempDir;

use super::recover::{Recovered, completed, forget, recover_with};
use super::{ServiceControl, answers};
use crate::config::ServiceConfig;
use crate::failpoint::{self, FailPoints};

/// A server with a data directory of its own. Whoever knows the root and the port can drive it, also from another process.
struct Fixture {
    root: PathBuf,
    service: ServiceConfig,
    _owned: Option<TempDir>,
}

impl Fixture {
    /// A running server whose data is called `old_data`.
    async fn running() -> Self {
        let fixture = Self::stopped();
        let started = Command::new(fixture.root.join("start.sh")).status().unwrap();
        assert!(started.success());
        until("the server answers", async || answers(&fixture.service).await.is_ok()).await;
        fixture
    }

    fn stopped() -> Self {
        let owned = tempfile::tempdir().unwrap();
        let root = owned.path().to_owned();
        let port = process::free_port().unwrap();
        install(&root.join("data"), "old_data");
        let shown = root.display();
        script(
            &root.join("start.sh"),
            &format!(
                "setsid mariadbd --no-defaults --user=root --datadir={shown}/data --port={port} --bind-address=127.0.0.1 \
                 --socket={shown}/sock --pid-file={shown}/pid --log-error={shown}/err \
                 --innodb-buffer-pool-size=16M --skip-name-resolve --skip-log-bin </dev/null >/dev/null 2>&1 &"
            ),
        );
        script(
            &root.join("stop.sh"),
            &format!("exec mariadb-admin --no-defaults --socket={shown}/sock -uroot --connect-timeout=5 shutdown"),
        );
        Self { service: service(&root, port), root, _owned: Some(owned) }
    }

    fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    /// Stages data called `new_data` for an attempt.
    async fn stage(&self, control: &ServiceControl) {
        control.stage(1 << 20).await.unwrap();
        assert_eq!(fs::metadata(control.staging()).unwrap().mode() & 0o777, 0o700);
        fs::remove_dir(control.staging()).unwrap();
        install(control.staging(), "new_data");
        fs::write(control.staging().join("xtrabackup_info"), "uuid = x").unwrap();
    }

    fn control(&self, fail_at: Option<&str>) -> ServiceControl {
        let points = fail_at.map_or_else(FailPoints::default, |spec| FailPoints::parse(spec).unwrap());
        ServiceControl::with_fail_points(&self.service, &AttemptId::new(), Arc::new(Quiet), points).unwrap()
    }

    /// Which data is live, checked to be whole: the server answers from it, and nothing else lies beside it once what was done is
    /// written down.
    async fn live(&self) -> &'static str {
        answers(&self.service).await.unwrap();
        forget(&self.service).unwrap();
        until("only the data directory is left", async || self.beside().is_empty()).await;
        match (self.data().join("old_data").exists(), self.data().join("new_data").exists()) {
            (true, false) => "old",
            (false, true) => "new",
            other => panic!("old and new data live: {other:?}"),
        }
    }

    fn beside(&self) -> Vec<String> {
        let names = fs::read_dir(&self.root).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with("data.")).collect()
    }

    /// Does the work in a process of its own, which is expected to be killed on the way.
    fn in_doomed_process(&self, work: &str, fail_at: &str) {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "swap::tests::a_recovery_can_be_killed_too", "--nocapture"])
            .env("BULKHEAD_TEST_ROOT", &self.root)
            .env("BULKHEAD_TEST_PORT", self.service.connection.port.to_string())
            .env("BULKHEAD_TEST_WORK", work)
            .env("BULKHEAD_TEST_FAIL_AT", fail_at)
            .output()
            .unwrap();
        assert_eq!(output.status.signal(), Some(9), "{work} to {fail_at}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        if self._owned.is_some()
            && let Ok(pid) = fs::read_to_string(self.root.join("pid"))
        {
            let _gone = Command::new("kill").arg("-9").arg(pid.trim()).status();
        }
    }
}

fn service(root: &Path, port: u16) -> ServiceConfig {
    let script = |name: &str| vec![root.join(name).display().to_string()];
    ServiceConfig {
        id: "db1".parse().unwrap(),
        organization: "acme".parse().unwrap(),
        engine: "mariadb".to_owned(),
        connection: Connection {
            host: "127.0.0.1".to_owned(),
            port,
            socket: None,
            user: "root".to_owned(),
            password: String::new(),
            throw_away: false,
            http: None,
        },
        server_name: "s1".to_owned(),
        data_dir: Some(root.join("data")),
        stop: script("stop.sh"),
        start: script("start.sh"),
        start_deadline: Duration::from_secs(60),
        stop_deadline: Duration::from_secs(60),
        retention: None,
        automatic: None,
        drills: None,
        max_age: None,
        methods: std::collections::BTreeMap::new(),
        surrealdb: None,
        scope: Default::default(),
        migrations: None,
    }
}

fn script(path: &Path, body: &str) {
    fs::write(path, format!("#!/bin/sh\n{body}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// A server's data, told from others by a name.
fn install(data: &Path, name: &str) {
    MariaDb::install(data).unwrap();
    // To the server, every directory is a database.
    fs::create_dir(data.join(name)).unwrap();
}

async fn until(what: &str, condition: impl AsyncFn() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !condition().await {
        assert!(Instant::now() < end, "timed out: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

struct Quiet;

impl Observer for Quiet {
    fn log(&self, _level: Level, _message: &str, _fields: &[(String, String)]) {}
    fn phase(&self, _name: &str) {}
    fn expect(&self, _plain_bytes: u64) {}
}

#[tokio::test]
async fn restored_data_takes_the_place_of_the_live_data() {
    let fixture = Fixture::running().await;
    fs::set_permissions(fixture.data(), fs::Permissions::from_mode(0o750)).unwrap();
    let control = fixture.control(None);
    fixture.stage(&control).await;
    let status = control.status().await.unwrap();
    assert!(status.running && status.data_bytes > 1 << 20, "{status:?}");
    let downtime = control.swap().await.unwrap();
    control.close().await;
    assert!(completed(&fixture.service).unwrap().is_some());
    assert!(control.swapped() && downtime > Duration::ZERO);
    assert_eq!(fixture.live().await, "new");
    assert_eq!(fs::metadata(fixture.data()).unwrap().mode() & 0o777, 0o750);
    assert!(!fixture.data().join("xtrabackup_info").exists());
}

#[tokio::test]
async fn a_server_that_is_down_or_does_not_know_us_is_restored_all_the_same() {
    let mut fixture = Fixture::stopped();
    fixture.service.connection.user = "stranger".to_owned();
    fixture.service.connection.password = "wrong".to_owned();
    let control = fixture.control(None);
    fixture.stage(&control).await;
    control.swap().await.unwrap();
    assert!(control.remark().contains("refuses user `stranger` of service `db1`"), "{}", control.remark());
    assert!(control.remark().contains("ALTER USER"), "{}", control.remark());
    assert_eq!(fixture.live().await, "new");
}

#[tokio::test]
async fn a_lost_data_directory_comes_back() {
    let fixture = Fixture::stopped();
    let control = fixture.control(None);
    fs::remove_dir_all(fixture.data()).unwrap();
    fixture.stage(&control).await;
    control.swap().await.unwrap();
    assert_eq!(fixture.live().await, "new");
}

#[tokio::test]
async fn data_that_does_not_come_up_is_taken_back_out() {
    let fixture = Fixture::running().await;
    let control = fixture.control(None);
    fixture.stage(&control).await;
    fs::write(control.staging().join("ibdata1"), vec![7; 12 << 20]).unwrap();
    let failure = control.swap().await.unwrap_err();
    assert!(failure.message.contains("the old data is back in place and its server answers"), "{failure}");
    control.close().await;
    assert!(!control.swapped());
    assert_eq!(fixture.live().await, "old");
}

#[tokio::test]
async fn a_server_that_does_not_stop_is_left_alone() {
    let mut fixture = Fixture::running().await;
    fixture.service.stop = vec!["/bin/sh".to_owned(), "-c".to_owned(), "echo no such unit >&2; exit 5".to_owned()];
    let control = fixture.control(None);
    fixture.stage(&control).await;
    let failure = control.swap().await.unwrap_err();
    assert!(failure.message.contains("exit status: 5: no such unit"), "{failure}");
    control.close().await;
    assert_eq!(fixture.live().await, "old");
}

#[tokio::test]
async fn without_space_nothing_is_begun() {
    let fixture = Fixture::stopped();
    let failure = fixture.control(None).stage(u64::MAX).await.unwrap_err();
    assert_eq!((&failure.kind, failure.retry), (&FailureKind::Unavailable, false));
    assert!(failure.message.contains("needed") && failure.message.contains("bytes free"), "{failure}");
    assert!(fixture.beside().is_empty());
}

/// Each fail point of a swap, and how the next start ends it.
const KILLS: &[(&str, &str)] = &[
    ("restore.swap.journaled", "old"),
    ("restore.swap.stopped", "old"),
    ("restore.swap.renamed-old", "old"),
    ("restore.swap.renamed-new", "new"),
    ("restore.swap.started", "new"),
    ("restore.swap.answered", "new"),
    ("restore.swap.discarded", "new"),
    ("restore.swap.rolled-back", "old"),
];

#[tokio::test]
async fn a_host_killed_at_any_step_goes_forward_or_back_at_its_next_start() {
    let all: Vec<_> =
        failpoint::ALL.iter().map(|(name, _)| *name).filter(|name| name.starts_with("restore.swap.")).collect();
    let listed: Vec<_> = KILLS.iter().map(|(name, _)| *name).collect();
    assert_eq!(all, listed);
    for (name, expected) in KILLS {
        let fixture = Fixture::running().await;
        let work = if *name == "restore.swap.rolled-back" { "swap broken data" } else { "swap" };
        fixture.in_doomed_process(work, name);
        let recovered = recover_with(&fixture.service, &BTreeSet::new(), FailPoints::default()).await.unwrap().unwrap();
        assert_eq!(matches!(recovered, Recovered::Finished(_)), *expected == "new", "{name}: {recovered:?}");
        if let Recovered::Finished(attempt) = &recovered {
            // Nobody else knows it yet: until that is written down, it is answered again.
            assert_eq!(completed(&fixture.service).unwrap().as_ref(), Some(attempt), "{name}");
            let again = recover_with(&fixture.service, &BTreeSet::new(), FailPoints::default()).await.unwrap();
            assert_eq!(again.as_ref(), Some(&recovered), "{name}");
        }
        assert_eq!(fixture.live().await, *expected, "{name}");
        assert_eq!(
            recover_with(&fixture.service, &BTreeSet::new(), FailPoints::default()).await.unwrap(),
            None,
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_recovery_can_be_killed_too() {
    if let Ok(work) = std::env::var("BULKHEAD_TEST_WORK") {
        return doomed_process(&work).await;
    }
    for (first, second, expected) in [
        ("restore.swap.renamed-old", "restore.swap.rolled-back", "old"),
        ("restore.swap.renamed-new", "restore.swap.discarded", "new"),
    ] {
        let fixture = Fixture::running().await;
        fixture.in_doomed_process("swap", first);
        fixture.in_doomed_process("recover", second);
        recover_with(&fixture.service, &BTreeSet::new(), FailPoints::default()).await.unwrap().unwrap();
        assert_eq!(fixture.live().await, expected, "{first}, {second}");
    }
}

/// What the process does that [`Fixture::in_doomed_process`] starts: this test program again. It is killed at a fail point.
async fn doomed_process(work: &str) {
    let variable = |name: &str| std::env::var(format!("BULKHEAD_TEST_{name}")).unwrap();
    let root = PathBuf::from(variable("ROOT"));
    let service = service(&root, variable("PORT").parse().unwrap());
    let fixture = Fixture { service, root, _owned: None };
    let fail_at = variable("FAIL_AT");
    match work {
        "recover" => drop(recover_with(&fixture.service, &BTreeSet::new(), FailPoints::parse(&fail_at).unwrap()).await),
        work => {
            let control = fixture.control(Some(&fail_at));
            fixture.stage(&control).await;
            if work == "swap broken data" {
                fs::write(control.staging().join("ibdata1"), vec![7; 12 << 20]).unwrap();
            }
            drop(control.swap().await);
        }
    }
}
