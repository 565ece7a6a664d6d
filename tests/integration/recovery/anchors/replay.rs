//! 2. A replay loses nothing in silence, and does nothing twice.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use bulkhead_test_support::{Ledger, MariaDb, MariaDbOptions, Session, Writer, process};

use crate::recovery::scene::{SHOP, Scene, id, next_second};
use crate::recovery::timelines::{state, take_over};
use crate::scene::files;

#[test]
fn anchor_2_nothing_is_replayed_twice_or_left_out_where_a_base_and_its_logs_meet() {
    let mut scene = Scene::start("");
    assert_eq!(scene.shop.value("SELECT @@gtid_strict_mode").unwrap(), "1");
    // All in the middle of one log, while it is written to.
    let bases = ["full", "incremental", "dump"].map(|method| {
        let base = scene.backup(method);
        scene.write(20);
        base
    });
    scene.backup("binarylog");
    scene.write(20);
    let lines = scene.pause();
    scene.backup("binarylog");
    for base in &bases {
        let here = scene.lines_of(base);
        for transaction in [here + 1, lines] {
            scene.restores_to(&[&id(base), "--gtid", &scene.gtid_of(transaction)], transaction);
        }
    }
    // The server goes on from there in strict mode, its logs are archived, and it is restored again, over and over.
    for _ in 0..2 {
        scene.go_on();
        let base = scene.backup("full");
        scene.write(20);
        let lines = scene.pause();
        scene.backup("binarylog");
        assert_eq!(scene.shop.value("SELECT @@gtid_strict_mode").unwrap(), "1");
        scene.restores_to(&[&id(&base), "--gtid", &scene.gtid_of(lines)], lines);
        let first = scene.lines_of(&base) + 1;
        scene.restores_to(&[&id(&base), "--gtid", &scene.gtid_of(first)], first);
    }
}

#[test]
fn anchor_2_a_restored_server_follows_nobody_and_others_can_follow_it_without_missing_a_transaction() {
    let mut scene = Scene::start("");
    let base = scene.backup("full");
    scene.write(30);
    let lines = scene.pause();
    scene.backup("binarylog");
    // When it is restored it is told to follow a server that is not there.
    let port = process::free_port().unwrap();
    let master = format!("CHANGE MASTER TO master_host = '127.0.0.1', master_port = {port}, master_user = 'nobody'");
    scene.shop.execute(&format!("{master}; START SLAVE")).unwrap();
    scene.restores_to(&[&id(&base), "--gtid", &scene.gtid_of(lines - 10)], lines - 10);
    assert!(scene.shop.query("SHOW ALL SLAVES STATUS").unwrap().is_empty(), "the restored server follows somebody");

    // A second server, restored from the same, follows the first one from where both are.
    let spare = MariaDb::start_with(&MariaDbOptions {
        arguments: vec!["--server-id=2".to_owned()],
        ..MariaDbOptions::default()
    })
    .unwrap();
    let at = scene.shop.value("SELECT @@gtid_binlog_pos").unwrap();
    assert_eq!(at, scene.gtid_of(lines - 10));
    copy(&scene.shop, &spare);
    scene.shop.execute("GRANT REPLICATION SLAVE ON *.* TO follower@'127.0.0.1' IDENTIFIED BY 'follower'").unwrap();
    spare
        .execute(&format!(
            "RESET MASTER; SET GLOBAL gtid_slave_pos = '{at}';
             CHANGE MASTER TO master_host = '127.0.0.1', master_port = {}, master_user = 'follower', master_password = 'follower',
               master_use_gtid = slave_pos;
             START SLAVE",
            scene.shop.port()
        ))
        .unwrap();
    scene.go_on();
    scene.write(30);
    let lines = scene.pause();
    let last = scene.shop.value("SELECT @@gtid_binlog_pos").unwrap();
    process::wait_until("the other server has everything", Duration::from_secs(60), || {
        Ok((spare.value("SELECT @@gtid_slave_pos")? == last).then_some(()))
    })
    .unwrap_or_else(|problem| panic!("{problem}: {:?}", spare.query("SHOW SLAVE STATUS")));
    assert_eq!(Ledger::check(&spare).unwrap().lines, lines);
    assert_eq!(state(&spare), state(&scene.shop));
}

/// The ledger of one server, also in the other.
fn copy(from: &MariaDb, to: &MariaDb) {
    let dumped = process::run(
        process::command("mariadb-dump")
            .args(["--no-defaults", "--user=root", "--databases", "ledger"])
            .arg(format!("--socket={}", from.socket().display())),
        b"",
        Duration::from_secs(60),
    )
    .unwrap();
    assert_eq!(dumped.code, Some(0), "{}", dumped.stderr);
    to.execute(&String::from_utf8(dumped.stdout).unwrap()).unwrap();
}

#[test]
fn anchor_2_the_same_gtids_of_two_servers_are_told_apart() {
    let mut scene = Scene::start("");
    let first = scene.backup("full");
    scene.write(150);
    let of_first = scene.pause();
    scene.backup("binarylog");
    let written = state(&scene.shop);

    // Another server with the same number in the same domain, which counts from 1, too.
    let other = Arc::new(MariaDb::start().unwrap());
    let writer = Writer::start(&other).unwrap();
    writer.wait_for(10).unwrap();
    let lines = writer.stop();
    take_over(&mut scene, Arc::into_inner(other).unwrap());
    let second = scene.backup("full");
    assert_ne!(second["positions"]["server.uid"], first["positions"]["server.uid"]);
    assert_eq!(second["positions"]["server.id"], first["positions"]["server.id"]);
    assert_eq!(scene.lines_of(&second), lines, "they do not count alike: nothing would be proved");
    scene.go_on();
    scene.write(of_first);
    let archived = scene.backup("binarylog");
    assert_eq!(archived["positions"]["timeline.cause"], "other-server", "{archived}");
    scene.pause();
    scene.backup("binarylog");
    let after = state(&scene.shop);

    // The same number, twice: nobody guesses.
    let both = scene.gtid_of(of_first);
    let said = scene.refused(&["--gtid", &both]);
    assert!(said.contains("more than one history"), "{said}");
    assert_eq!(state(&scene.shop), after);
    scene.restore(&[&id(&second), "--gtid", &both]);
    let of_second = state(&scene.shop);
    assert!(of_second.0 == of_first && of_second != written, "{of_second:?}");
    scene.restore(&[&id(&first), "--gtid", &both]);
    assert_eq!(state(&scene.shop), written);
    assert_eq!(Ledger::check(&scene.shop).unwrap().lines, of_first);
}

/// Statements that refer to what another log holds: one session replays all of them.
#[test]
fn anchor_2_a_temporary_table_and_an_open_transaction_reach_over_the_ends_of_logs() {
    let mut scene = Scene::start("");
    scene.pause();
    scene.shop.execute("CREATE DATABASE more; CREATE TABLE more.kept (n INT) ENGINE=InnoDB").unwrap();
    let bases = [scene.backup("full"), scene.backup("dump")];
    let mut session = Session::open(&scene.shop).unwrap();
    session
        .query(
            "SET binlog_format = 'STATEMENT'; USE more; CREATE TEMPORARY TABLE more.passing (n INT);
             INSERT INTO more.passing VALUES (1), (2), (3); SET @factor = 7",
        )
        .unwrap();
    scene.shop.execute("FLUSH BINARY LOGS").unwrap();
    session.query("INSERT INTO more.passing VALUES (4)").unwrap();
    scene.backup("binarylog");
    let mut open = Session::open(&scene.shop).unwrap();
    open.query("BEGIN; INSERT INTO more.kept VALUES (1000)").unwrap();
    session.query("INSERT INTO more.kept SELECT n * @factor FROM more.passing").unwrap();
    scene.shop.execute("FLUSH BINARY LOGS").unwrap();
    open.query("INSERT INTO more.kept VALUES (2000); COMMIT").unwrap();
    session.query("INSERT INTO more.kept SELECT n FROM more.passing; DROP TEMPORARY TABLE more.passing").unwrap();
    scene.backup("binarylog");
    let sum = "SELECT CONCAT(COUNT(*), ' ', SUM(n)) FROM more.kept";
    assert_eq!(scene.shop.value(sum).unwrap(), "10 3080");
    let last = scene.shop.value("SELECT @@gtid_binlog_pos").unwrap();
    for base in &bases {
        scene.restore(&[&id(base), "--gtid", &last]);
        assert_eq!(scene.shop.value(sum).unwrap(), "10 3080");
    }
}

#[test]
fn anchor_2_a_hole_in_the_logs_is_noticed_before_anything_is_touched_and_what_is_before_it_restores() {
    let mut scene = Scene::start("");
    let base = scene.backup("full");
    scene.write(20);
    let quiet = scene.pause();
    next_second(&scene.shop);
    let early = next_second(&scene.shop);
    scene.go_on();
    scene.write(20);
    scene.backup("binarylog");
    scene.write(20);
    let middle = scene.backup("binarylog");
    scene.write(20);
    let lines = scene.pause();
    let last = scene.backup("binarylog");
    next_second(&scene.shop);
    let late = next_second(&scene.shop);
    scene.backup("binarylog");
    let (before, pid) = (Ledger::check(&scene.shop).unwrap(), scene.shop.pid());
    assert_eq!(before.lines, lines);
    let untouched = |what: &str| {
        assert_eq!((Ledger::check(&scene.shop).unwrap(), scene.shop.pid()), (before, pid), "{what}");
    };

    // Its object is gone from the storage.
    let folder = scene.host.bucket().join("acme").join(SHOP);
    let middle_files = |path: &std::path::PathBuf| path.to_string_lossy().contains(&id(&middle)[..32]);
    let object = files(&folder)
        .into_iter()
        .filter(middle_files)
        .find(|path| path.to_string_lossy().contains("binlog.0"))
        .unwrap_or_else(|| panic!("no log in {middle}"));
    let kept = fs::read(&object).unwrap();
    fs::remove_file(&object).unwrap();
    for arguments in [&["--point-in-time", &*late][..], &["--gtid", &scene.gtid_of(lines)][..]] {
        let said = scene.refused(arguments);
        assert!(said.contains("missing") && said.contains(&id(&middle)[..32]), "{said}");
    }
    untouched("an object is gone");
    fs::write(&object, &kept).unwrap();

    // The backup is deleted.
    let window = scene.host.json(&["service", "recovery-window"]).unwrap();
    assert_eq!(window["intervals"].as_array().map(Vec::len), Some(1), "{window}");
    scene.host.run(&["backup", "delete", &id(&middle)]).unwrap().ok().unwrap();
    for arguments in [
        &["--point-in-time", &*late][..],
        &["--gtid", &scene.gtid_of(lines)][..],
        &[&id(&base), "--point-in-time", &late][..],
        &[&id(&base), "--gtid", &scene.gtid_of(lines)][..],
    ] {
        let said = scene.refused(arguments);
        assert!(said.contains("recovery-window"), "the window is not named: {said}");
    }
    untouched("a log is deleted");
    let window = scene.host.json(&["service", "recovery-window"]).unwrap();
    let gaps = window["gaps"].to_string();
    assert!(gaps.contains("are missing") && gaps.contains(&id(&last)[..32]), "{window}");

    scene.restores_to(&["--point-in-time", &early], quiet);
    scene.restores_to(&[&id(&base)], scene.lines_of(&base));
}
