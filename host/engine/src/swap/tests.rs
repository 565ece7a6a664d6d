//! Swaps around a real MariaDB, also with the host killed at every step.

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bulkhead_model::{AttemptId, FailureKind};
use bulkhead_runtime::{Connection, Level, Observer, Presence, ServerControl};
use bulkhead_test_support::{MariaDb, process};
use tempfile::TempDir;

use super::journal::{Journal, Step};
use super::places::Places;
use super::recover::{Recovered, completed, end_earlier, forget, recover_with};
use super::{ServiceControl, answers, check_possible, require_inside};
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
async fn a_server_that_shuts_down_for_longer_than_is_waited_for_runs_again_in_the_end() {
    let mut fixture = Fixture::running().await;
    // It holds its files for a while after everything else has given up, and then goes down as it was told.
    let pid = fixture.root.join("pid");
    let slow = format!(
        "kill -STOP $(cat {0}); kill -TERM $(cat {0}); (sleep 16; kill -CONT $(cat {0})) >/dev/null 2>&1 &",
        pid.display()
    );
    fixture.service.stop = vec!["/bin/sh".to_owned(), "-c".to_owned(), slow];
    fixture.service.stop_deadline = Duration::from_secs(1);
    let control = fixture.control(None);
    fixture.stage(&control).await;
    let failure = control.swap().await.unwrap_err();
    assert!(failure.message.contains("still running"), "{failure}");
    assert!(failure.message.contains("the old data is back in place and its server answers"), "{failure}");
    control.close().await;
    assert_eq!(fixture.live().await, "old");
}

#[tokio::test]
async fn a_server_without_a_free_connection_counts_as_running() {
    let fixture = Fixture::running().await;
    for sql in ["SET GLOBAL connect_timeout = 600", "SET GLOBAL max_connections = 10"] {
        fixture.service.connection.query(sql, Duration::from_secs(10), 4096).await.unwrap();
    }
    let control = fixture.control(None);
    fixture.stage(&control).await;
    fs::write(control.staging().join("ibdata1"), vec![7; 12 << 20]).unwrap();
    let address = ("127.0.0.1", fixture.service.connection.port);
    let clients: Vec<TcpStream> = (0..11).map(|_| TcpStream::connect(address).unwrap()).collect();
    until("no connection is free", async || {
        fixture.service.connection.presence(Duration::from_secs(5)).await == Presence::Full
    })
    .await;
    let failure = control.swap().await.unwrap_err();
    // And so it is started again.
    assert!(failure.message.contains("the old data is back in place and its server answers"), "{failure}");
    drop(clients);
    control.close().await;
    assert_eq!(fixture.live().await, "old");
}

#[tokio::test]
async fn the_next_attempt_waits_for_a_swap_that_still_runs_and_finds_it_done() {
    let fixture = Fixture::running().await;
    let attempt = AttemptId::new();
    let control = ServiceControl::with_fail_points(&fixture.service, &attempt, Arc::new(Quiet), FailPoints::default());
    let control = control.unwrap();
    fixture.stage(&control).await;
    // The attempt ends here, as one does that loses its lease; its swap goes on.
    let swap = tokio::spawn(async move { control.swap().await });
    let places = Places::new(&fixture.data(), &attempt).unwrap();
    until("the swap has begun", async || Journal::read(&places).unwrap().is_some()).await;
    let done = end_earlier(&fixture.service, &BTreeSet::new()).await.unwrap();
    assert_eq!(done, Some(attempt));
    swap.await.unwrap().unwrap();
    assert_eq!(fixture.live().await, "new");
}

#[tokio::test]
async fn the_next_attempt_ends_a_swap_that_could_not_be_undone() {
    let fixture = Fixture::running().await;
    fixture.in_doomed_process("swap", "restore.swap.renamed-old");
    assert_eq!(end_earlier(&fixture.service, &BTreeSet::new()).await.unwrap(), None);
    assert_eq!(fixture.live().await, "old");
}

#[tokio::test]
async fn what_another_host_has_begun_is_left_alone_while_it_holds_its_lease() {
    let fixture = Fixture::running().await;
    fixture.in_doomed_process("swap", "restore.swap.renamed-new");
    let journal = Journal::read(&Places::new(&fixture.data(), &AttemptId::new()).unwrap()).unwrap().unwrap();
    assert_eq!(journal.step, Step::MovingNew);
    // Another one of theirs unpacks a backup; one that is over has left something.
    let beside = |kind: &str, attempt: &AttemptId| fixture.root.join(format!("data.bulkhead-{kind}-{attempt}"));
    let (unpacking, over) = (AttemptId::new(), AttemptId::new());
    fs::create_dir(beside("staging", &unpacking)).unwrap();
    let theirs: BTreeSet<AttemptId> = [journal.attempt.clone(), unpacking.clone()].into();
    let recovered = recover_with(&fixture.service, &theirs, FailPoints::default()).await.unwrap();
    assert_eq!(recovered, Some(Recovered::LeftTo(journal.attempt.clone())));
    assert!(end_earlier(&fixture.service, &theirs).await.unwrap_err().retry);
    assert!(beside("old", &journal.attempt).exists() && beside("staging", &unpacking).exists());
    assert!(answers(&fixture.service).await.is_err(), "the other host's server was started");

    fs::create_dir(beside("staging", &over)).unwrap();
    let theirs = [unpacking.clone()].into();
    let recovered = recover_with(&fixture.service, &theirs, FailPoints::default()).await.unwrap();
    assert_eq!(recovered, Some(Recovered::Finished(journal.attempt)));
    until("what is over is removed", async || !beside("staging", &over).exists()).await;
    assert!(beside("staging", &unpacking).exists(), "what another host is unpacking was removed");
    fs::remove_dir(beside("staging", &unpacking)).unwrap();
    assert_eq!(fixture.live().await, "new");
}

#[tokio::test]
async fn files_of_the_operator_in_the_data_directory_outlive_a_swap() {
    let fixture = Fixture::running().await;
    let key = fixture.data().join("tls/server-key.pem");
    fs::create_dir(fixture.data().join("tls")).unwrap();
    fs::write(&key, "the only key").unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o400)).unwrap();
    fs::write(fixture.data().join("init.sql"), "SELECT 1").unwrap();
    let control = fixture.control(None);
    fixture.stage(&control).await;
    control.swap().await.unwrap();
    control.close().await;
    assert_eq!(fixture.live().await, "new");
    assert_eq!(fs::read_to_string(&key).unwrap(), "the only key");
    assert_eq!(fs::metadata(&key).unwrap().mode() & 0o777, 0o400);
    assert_eq!(fs::read_to_string(fixture.data().join("init.sql")).unwrap(), "SELECT 1");
}

#[tokio::test]
async fn restored_files_that_point_outside_are_refused_before_the_server_is_stopped() {
    let fixture = Fixture::running().await;
    let control = fixture.control(None);
    fixture.stage(&control).await;
    fs::write(control.staging().join("new_data/t.isl"), "/data2/new_data/t.ibd").unwrap();
    let started = fs::read(fixture.root.join("pid")).unwrap();
    let failure = control.swap().await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unsupported);
    assert!(failure.message.contains("`new_data/t`"), "{failure}");
    control.close().await;
    assert_eq!(fs::read(fixture.root.join("pid")).unwrap(), started, "the server was restarted");
    assert_eq!(fixture.live().await, "old");
}

#[tokio::test]
async fn a_data_directory_that_cannot_be_renamed_is_found_before_it_matters() {
    let mut fixture = Fixture::stopped();
    check_possible(&fixture.service).unwrap();
    require_inside(&fixture.service).unwrap();
    // A mount point on every machine.
    fixture.service.data_dir = Some(PathBuf::from("/proc"));
    let failure = check_possible(&fixture.service).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unsupported);
    assert!(failure.message.contains("is a mount point") && failure.hint.is_some(), "{failure}");
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
