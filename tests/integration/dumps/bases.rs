//! A dump that is not of one instant is no base for logs.

use std::fs;
use std::path::Path;
use std::process::Command;

use bulkhead_test_support::{HostOptions, MariaDbOptions, StandIn, process};
use serde_json::Value;

use crate::crash::scene::PATIENCE;
use crate::recovery::scene::{SHOP, Scene, id};

const TABLES: &str = "CREATE DATABASE z; CREATE TABLE z.c (n INT) ENGINE=MyISAM; INSERT INTO z.c VALUES (0);
    CREATE TABLE z.m (n INT) ENGINE=MEMORY; CREATE TABLE z.a (n INT) ENGINE=Aria";

/// The tool stops itself, until it is told to go on.
const STOPS: &str = "kill -STOP $$";

/// The process that has stopped itself: the script of that path.
fn stopped(script: &Path) -> Option<String> {
    let script = script.to_string_lossy().into_owned();
    fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let pid = entry.file_name().into_string().ok()?;
        let read = |name: &str| fs::read_to_string(entry.path().join(name)).ok();
        let is_it = read("cmdline")?.contains(&script) && read("status")?.contains("State:\tT");
        is_it.then_some(pid)
    })
}

/// Makes a dump, and does something between its beginning and the moment in which the tool looks at the server.
fn meanwhile<T>(scene: &Scene, dumper: &StandIn, act: impl FnOnce() -> T) -> (Value, T) {
    dumper.behave(STOPS).unwrap();
    let (host, script) = (&scene.host, dumper.path());
    let (dump, done) = std::thread::scope(|threads| {
        let dump = threads.spawn(|| host.backup(SHOP, "dump").unwrap());
        let pid = process::wait_until("the dump has begun", PATIENCE, || Ok(stopped(&script))).unwrap();
        let done = act();
        assert!(Command::new("kill").args(["-CONT", &pid]).status().unwrap().success());
        (dump.join().unwrap(), done)
    });
    dumper.behave("").unwrap();
    (scene.show(&dump), done)
}

#[test]
fn logs_do_not_continue_a_dump_of_tables_that_were_written_to_meanwhile() {
    let mut scene = Scene::start("");
    scene.pause();
    scene.shop.execute(TABLES).unwrap();
    let dump = scene.backup("dump");
    let positions = &dump["positions"];
    assert!(positions["gtid"].is_null() && positions["binlog.file"].is_null(), "{dump}");
    let why = positions["standalone"].as_str().unwrap();
    assert!(why.starts_with("3 tables outside InnoDB, such as `z`.`a`"), "{why}");
    scene.shop.execute("UPDATE z.c SET n = n + 1").unwrap();
    scene.backup("binarylog");
    let end = scene.shop.value("SELECT @@gtid_binlog_pos").unwrap();
    let said = scene.refused(&[&id(&dump), "--gtid", &end]);
    assert!(said.contains("does not say which transactions it holds") || said.contains(&id(&dump)), "{said}");
    assert_eq!(scene.shop.value("SELECT n FROM z.c").unwrap(), "1");
    // Alone it restores.
    scene.restore(&[&id(&dump)]);
    assert_eq!(scene.shop.value("SELECT n FROM z.c").unwrap(), "0");
}

#[test]
fn a_dump_that_locks_such_tables_is_a_base_and_their_writes_are_replayed_once() {
    let dumper = StandIn::for_tool("mariadb-dump").unwrap();
    let host = HostOptions { extra: dumper.toml(), ..HostOptions::default() };
    let lock = "methods.dump = { lock_tables = \"auto\" }";
    let mut scene = Scene::with(lock, &MariaDbOptions::default(), host);
    scene.pause();
    scene.shop.execute(TABLES).unwrap();
    let shop = &scene.shop;
    let waiting = "SELECT COUNT(*) FROM information_schema.processlist
        WHERE state LIKE 'Waiting for table%' AND info LIKE 'UPDATE z.c%'";
    let dump = std::thread::scope(|threads| {
        let (dump, writer) = meanwhile(&scene, &dumper, || {
            let writer = threads.spawn(|| shop.execute("UPDATE z.c SET n = n + 1"));
            process::wait_until("the write waits", PATIENCE, || Ok((shop.value(waiting)? == "1").then_some(())))
                .unwrap();
            // Others do not wait.
            shop.execute("CREATE TABLE z.others (n INT); INSERT INTO z.others VALUES (1)").unwrap();
            writer
        });
        writer.join().unwrap().unwrap();
        dump
    });
    assert!(dump["positions"]["gtid"].is_string() && dump["positions"]["standalone"].is_null(), "{dump}");
    scene.backup("binarylog");
    let end = scene.shop.value("SELECT @@gtid_binlog_pos").unwrap();
    scene.restore(&[&id(&dump), "--gtid", &end]);
    assert_eq!(scene.shop.value("SELECT n FROM z.c").unwrap(), "1");
}

#[test]
fn a_dump_during_which_stored_code_or_tables_change_is_no_base() {
    let dumper = StandIn::for_tool("mariadb-dump").unwrap();
    let host = HostOptions { extra: dumper.toml(), ..HostOptions::default() };
    let mut scene = Scene::with("", &MariaDbOptions::default(), host);
    scene.pause();
    scene.shop.execute("CREATE DATABASE z; CREATE TABLE z.t (n INT); CREATE VIEW z.v AS SELECT n FROM z.t").unwrap();
    let changes = [
        ("CREATE PROCEDURE z.p() SELECT 1", "routines, triggers"),
        ("CREATE OR REPLACE VIEW z.v AS SELECT n + 1 AS n FROM z.t", "routines, triggers"),
        ("CREATE TRIGGER z.tr BEFORE INSERT ON z.t FOR EACH ROW SET @a = 1", "routines, triggers"),
        ("DROP VIEW z.v; RENAME TABLE z.t TO z.s", "dropped or renamed"),
    ];
    for (change, why) in changes {
        let (dump, ()) = meanwhile(&scene, &dumper, || scene.shop.execute(change).unwrap());
        let said = dump["positions"]["standalone"].as_str().unwrap_or_default();
        assert!(said.contains(why) && dump["positions"]["gtid"].is_null(), "{change}: {dump}");
    }
    // Rows, and tables that come, are what a log is for.
    let (dump, ()) = meanwhile(&scene, &dumper, || {
        scene.shop.execute("INSERT INTO z.s VALUES (1); CREATE TABLE z.more (n INT)").unwrap();
    });
    assert!(dump["positions"]["gtid"].is_string(), "{dump}");
}
