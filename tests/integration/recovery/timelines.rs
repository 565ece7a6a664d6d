//! One service, more than one history: a restore to the past, and a failover.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use bulkhead_test_support::{HostOptions, Ledger, MariaDb, MariaDbOptions, process};

use super::scene::{Scene, next_second};

/// The ledger's lines, and when the last one was written: the same lines are written in each history, at another time.
pub fn state(server: &MariaDb) -> (u64, String) {
    let lines = Ledger::check(server).unwrap().lines;
    (lines, server.value("SELECT MAX(at) FROM ledger.log").unwrap())
}

/// A moment in which nothing was written, and what was there.
struct Moment {
    at: String,
    state: (u64, String),
}

fn moment(scene: &mut Scene) -> Moment {
    scene.pause();
    let state = state(&scene.shop);
    next_second(&scene.shop);
    let at = next_second(&scene.shop);
    scene.go_on();
    Moment { at, state }
}

fn comes_back(scene: &Scene, moment: &Moment) {
    scene.restore(&["--point-in-time", &moment.at]);
    assert_eq!(state(&scene.shop), moment.state, "{}", moment.at);
}

#[test]
fn after_a_restore_to_the_past_both_histories_can_be_restored() {
    let mut scene = Scene::start("");
    scene.backup("full");
    scene.write(30);
    let early = moment(&mut scene);
    scene.write(30);
    let before_restore = moment(&mut scene);
    scene.write(30);
    scene.pause();
    let old = scene.backup("binarylog");

    comes_back(&scene, &early);
    scene.go_on();
    scene.write(30);
    // The same numbers again, for other transactions: the archive begins another run and says why.
    let new = scene.backup("binarylog");
    assert_ne!(new["positions"]["timeline"], old["positions"]["timeline"], "{new}");
    let reason = new["positions"]["timeline.reason"].as_str().unwrap();
    assert!(!reason.is_empty(), "{new}");
    scene.backup("full");
    scene.write(30);
    let after_restore = moment(&mut scene);
    scene.write(30);
    scene.pause();
    scene.backup("binarylog");
    let window = scene.host.json(&["service", "recovery-window"]).unwrap();
    let gaps = window["gaps"].as_array().unwrap();
    assert!(
        gaps.len() >= 2 && gaps.iter().all(|gap| gap["cause"].as_str().is_some_and(|cause| cause.len() > 10)),
        "{window}"
    );

    comes_back(&scene, &before_restore);
    comes_back(&scene, &after_restore);
    comes_back(&scene, &early);
}

#[test]
fn after_a_failover_to_a_replica_moments_before_and_after_it_come_back() {
    let mut scene = Scene::with("", &MariaDbOptions::default(), HostOptions::default());
    scene.pause();
    let replica = replica_of(&scene.shop);
    scene.go_on();
    scene.write(30);
    scene.backup("full");
    scene.write(30);
    scene.backup("binarylog");
    scene.write(30);
    let before = moment(&mut scene);
    scene.write(30);
    scene.pause();
    // Some of it is on the replica alone when the old server is lost.
    let last = scene.shop.value("SELECT @@gtid_binlog_pos").unwrap();
    process::wait_until("the replica has everything", Duration::from_secs(60), || {
        Ok((replica.value("SELECT @@gtid_slave_pos")? == last).then_some(()))
    })
    .unwrap();
    fail_over(&mut scene, replica);

    scene.go_on();
    scene.write(30);
    let after = moment(&mut scene);
    scene.write(30);
    scene.pause();
    let archived = scene.backup("binarylog");
    assert_eq!(archived["positions"]["timeline.cause"], "other-server", "{archived}");
    comes_back(&scene, &after);
    comes_back(&scene, &before);
}

/// A second server with a copy of the data, which follows.
pub fn replica_of(server: &Arc<MariaDb>) -> MariaDb {
    server.execute("CREATE USER follower@'127.0.0.1' IDENTIFIED BY 'follower'; GRANT REPLICATION SLAVE ON *.* TO follower@'127.0.0.1'").unwrap();
    let copy = tempfile::tempdir().unwrap();
    server.stop().unwrap();
    let data = copy.path().join("data");
    let copied =
        process::run(process::command("cp").arg("-a").arg(server.data_dir()).arg(&data), b"", Duration::from_secs(60))
            .unwrap();
    assert_eq!(copied.code, Some(0), "{}", copied.stderr);
    server.launch().unwrap();
    let options = MariaDbOptions { arguments: vec!["--server-id=2".to_owned()], ..MariaDbOptions::default() };
    let replica = MariaDb::start_over(&data, &options).unwrap();
    let position = replica.value("SELECT @@gtid_binlog_pos").unwrap();
    replica
        .execute(&format!(
            "RESET MASTER; SET GLOBAL gtid_slave_pos = '{position}';
             CHANGE MASTER TO master_host = '127.0.0.1', master_port = {}, master_user = 'follower', master_password = 'follower',
               master_use_gtid = slave_pos;
             START SLAVE",
            server.port()
        ))
        .unwrap();
    replica
}

/// From now on the replica is the service's server.
fn fail_over(scene: &mut Scene, replica: MariaDb) {
    replica.execute("STOP SLAVE; RESET SLAVE ALL").unwrap();
    take_over(scene, replica);
}

/// From now on this is the service's server, and the old one is gone.
pub fn take_over(scene: &mut Scene, server: MariaDb) {
    let old = Arc::clone(&scene.shop);
    let file = scene.host.dir().join("bulkhead.toml");
    let text = fs::read_to_string(&file).unwrap();
    let text = text
        .replace(&format!("port = {}", old.port()), &format!("port = {}", server.port()))
        .replace(&old.dir().display().to_string(), &server.dir().display().to_string());
    fs::write(&file, text).unwrap();
    scene.shop = Arc::new(server);
    old.kill().unwrap();
    scene.host.launch(&[]).unwrap();
}
