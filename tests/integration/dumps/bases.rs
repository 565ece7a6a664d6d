//! A dump that is not of one instant is no base for logs.

use std::fs;
use std::path::Path;
use std::process::Command;

use bulkhead_test_support::{HostOptions, MariaDbOptions, StandIn, process};

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
    dumper.behave(STOPS).unwrap();
    let waiting = "SELECT COUNT(*) FROM information_schema.processlist
        WHERE state LIKE 'Waiting for table%' AND info LIKE 'UPDATE z.c%'";
    let (shop, host) = (&scene.shop, &scene.host);
    let dump = std::thread::scope(|threads| {
        let dump = threads.spawn(|| host.backup(SHOP, "dump").unwrap());
        let begun = || Ok(stopped(&dumper.path()));
        let pid = process::wait_until("the dump has begun", PATIENCE, begun).unwrap();
        let writer = threads.spawn(|| shop.execute("UPDATE z.c SET n = n + 1"));
        process::wait_until("the write waits", PATIENCE, || Ok((shop.value(waiting)? == "1").then_some(()))).unwrap();
        // Others do not wait.
        shop.execute("CREATE TABLE z.others (n INT); INSERT INTO z.others VALUES (1)").unwrap();
        let told = Command::new("kill").args(["-CONT", &pid]).status().unwrap();
        assert!(told.success());
        let dump = dump.join().unwrap();
        writer.join().unwrap().unwrap();
        dump
    });
    dumper.behave("").unwrap();
    let dump = scene.show(&dump);
    assert!(dump["positions"]["gtid"].is_string() && dump["positions"]["standalone"].is_null(), "{dump}");
    scene.backup("binarylog");
    let end = scene.shop.value("SELECT @@gtid_binlog_pos").unwrap();
    scene.restore(&[&id(&dump), "--gtid", &end]);
    assert_eq!(scene.shop.value("SELECT n FROM z.c").unwrap(), "1");
}
