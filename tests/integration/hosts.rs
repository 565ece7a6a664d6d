//! Several hosts on one PostgreSQL catalog: work is shared, and a host that dies or sleeps loses at most its attempts.

use std::time::{Duration, Instant};

use bulkhead_test_support::{HostOptions, PostgreSql, ServiceEntry, process, workspace};
use serde_json::json;

use crate::scene::{DEADLINE, Scene, files};

const SERVICES: usize = 10;
const JOBS: usize = 200;
/// Those asked for before a host is killed, of all hosts in turn.
const AT_FIRST: usize = 40;
const HOSTS: [&str; 3] = ["amber", "birch", "cedar"];

/// Leases short enough to see one run out.
const LIMITS: &str = r#"
[limits]
lease = "3s"
heartbeat = "500ms"
poll = "200ms"
retry_after = "100ms"
attempts_max = 5
max_running_jobs = 3
"#;

struct Fleet {
    catalog: PostgreSql,
    hosts: Vec<Scene>,
}

impl Fleet {
    fn start(bucket: &std::path::Path, plugins: &std::path::Path) -> Self {
        let catalog = PostgreSql::start_in_memory().unwrap();
        let services = || {
            (0..SERVICES).map(|number| {
                let mut service = ServiceEntry::without_server(&format!("s{number}"));
                service.extra = "methods.slow = { millis = 300 }".to_owned();
                service
            })
        };
        let hosts = HOSTS
            .map(|name| {
                Scene::start(HostOptions {
                    services: services().collect(),
                    bucket: Some(bucket.to_owned()),
                    plugin_dir: Some(plugins.to_owned()),
                    catalog: Some(catalog.url("postgres")),
                    extra: LIMITS.to_owned(),
                    environment: vec![("BULKHEAD_SERVER__HOST".to_owned(), name.to_owned())],
                    ..HostOptions::default()
                })
            })
            .into();
        Self { catalog, hosts }
    }

    fn sql(&self, statement: &str) -> String {
        self.catalog.sql("postgres", statement, DEADLINE).unwrap()
    }

    fn count(&self, from_where: &str) -> usize {
        self.sql(&format!("SELECT COUNT(*) FROM {from_where}")).parse().unwrap()
    }

    /// Waits until a query counts at least so many.
    fn wait_for(&self, least: usize, from_where: &str) {
        process::wait_until(from_where, DEADLINE, || Ok((self.count(from_where) >= least).then_some(())))
            .unwrap_or_else(|problem| panic!("{problem}\n{}", self.hosts[0].host.log_tail()));
    }
}

#[test]
fn each_of_200_jobs_ends_once_though_one_host_is_killed_and_one_frozen_past_its_lease() {
    let bucket = tempfile::tempdir().unwrap();
    let plugins = tempfile::tempdir().unwrap();
    std::fs::copy(workspace::guest("takes_its_time"), plugins.path().join("takes_its_time.wasm")).unwrap();
    let fleet = Fleet::start(bucket.path(), plugins.path());

    let ask = |host: usize, number: usize| fleet.hosts[host].ask(&format!("s{}", number % SERVICES), "slow", None);
    for number in 0..AT_FIRST {
        ask(number % HOSTS.len(), number);
    }
    let holding = |host: &str| format!("attempts WHERE state = 'leased' AND host = '{host}'");
    let (orphans, asleep) = std::thread::scope(|scope| {
        // Asked for meanwhile, so that there is work however slow the asking is.
        scope.spawn(|| (AT_FIRST..JOBS).for_each(|number| drop(ask(0, number))));
        fleet.wait_for(AT_FIRST / 2, "jobs WHERE state = 'succeeded'");

        // Killed with work in its hands.
        fleet.wait_for(1, &holding("birch"));
        process::kill(fleet.hosts[1].host.pid().unwrap());
        let orphans = fleet.count(&holding("birch"));
        // Frozen with work in its hands, until others have taken that over.
        fleet.wait_for(1, &holding("cedar"));
        let cedar = fleet.hosts[2].host.pid().unwrap();
        process::freeze(cedar);
        let asleep = fleet.count(&holding("cedar"));
        fleet.wait_for(asleep, "attempts WHERE state = 'lost' AND host = 'cedar'");
        process::thaw(cedar);
        (orphans, asleep)
    });

    fleet.wait_for(JOBS, "jobs WHERE state IN ('succeeded', 'failed', 'cancelled')");
    assert_eq!(fleet.count("jobs WHERE state = 'succeeded'"), JOBS);
    assert_eq!(fleet.count("backups WHERE state = 'succeeded'"), JOBS);
    assert_eq!(
        fleet.count("job_events WHERE kind = 'state' AND body LIKE '%\"succeeded\"%'"),
        JOBS,
        "an end was told twice"
    );
    assert_eq!(fleet.count("(SELECT job FROM attempts WHERE state = 'succeeded' GROUP BY job) AS ended"), JOBS);
    assert_eq!(fleet.count("attempts WHERE state = 'succeeded'"), JOBS, "a job succeeded twice");
    assert_eq!(fleet.count("attempts WHERE state = 'lost' AND host = 'birch'"), orphans, "the killed host's attempts");
    assert!(asleep > 0 && orphans + asleep > 1, "nothing was interrupted: {orphans}, {asleep}");
    // The host that slept came back and works on; it had to, or the rest were done before.
    assert!(fleet.hosts[2].host.pid().is_some(), "{}", fleet.hosts[2].host.log_tail());

    // At no time two attempts on one service: the method excludes itself there.
    let together = "attempts a JOIN jobs ja ON ja.id = a.job JOIN jobs jb ON jb.service = ja.service
         JOIN attempts b ON b.job = jb.id AND b.id > a.id
         WHERE a.started_at_us < b.finished_at_us AND b.started_at_us < a.finished_at_us";
    assert_eq!(
        fleet.count(together),
        0,
        "two writers on one service: {}",
        fleet.sql(&format!("SELECT a.id, b.id FROM {together}"))
    );
    // Work was shared.
    for host in HOSTS {
        assert!(
            fleet.count(&format!("attempts WHERE state = 'succeeded' AND host = '{host}'")) > 0,
            "{host} did nothing"
        );
    }

    // Nothing lost: a manifest for each, and those whose attempts were interrupted are sound.
    let manifests = files(bucket.path()).iter().filter(|file| file.ends_with("manifest.json")).count();
    assert_eq!(manifests, JOBS);
    let retried =
        fleet.sql("SELECT DISTINCT j.backup FROM jobs j JOIN attempts a ON a.job = j.id WHERE a.state = 'lost'");
    for backup in retried.lines() {
        let job = fleet.hosts[0].post(&format!("/v1/backups/{backup}/verify"), &json!({}));
        let ended = fleet.hosts[0].ended(job["id"].as_str().unwrap());
        assert_eq!(ended["status"], "Succeeded", "{ended}");
        assert_eq!(fleet.hosts[0].get(&format!("/v1/backups/{backup}"))["suspect"], json!(null));
    }
}

#[test]
fn a_due_schedule_fires_once_though_three_hosts_look() {
    let bucket = tempfile::tempdir().unwrap();
    let plugins = tempfile::tempdir().unwrap();
    std::fs::copy(workspace::guest("takes_its_time"), plugins.path().join("takes_its_time.wasm")).unwrap();
    let fleet = Fleet::start(bucket.path(), plugins.path());
    let body = json!({"service_id": "s0", "backup_type": "slow", "schedule": "* * * * *"});
    let schedule = fleet.hosts[0].post("/v1/backups/schedules", &body);
    // Due now, instead of at the next full minute.
    let now = "(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::BIGINT";
    let id = &schedule["id"];
    fleet.sql(&format!("UPDATE schedules SET next_due_at_us = {now}, next_fire_at_us = {now} WHERE id = {id}"));
    let started = Instant::now();
    fleet.wait_for(1, &format!("jobs WHERE schedule = {id}"));
    assert!(started.elapsed() < Duration::from_secs(5), "fired after {:?}", started.elapsed());
    fleet.wait_for(1, &format!("jobs WHERE schedule = {id} AND state = 'succeeded'"));
    // Three hosts looked; a full minute may have come meanwhile.
    let fires: usize = fleet.sql(&format!("SELECT fires FROM schedules WHERE id = {id}")).parse().unwrap();
    assert_eq!(fleet.count(&format!("jobs WHERE schedule = {id}")), fires);
    assert!(fires <= 2, "{fires}");
}
