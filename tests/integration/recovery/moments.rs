//! Any second of the window, from every kind of base.

use bulkhead_test_support::{HostOptions, Ledger};

use super::scene::{Scene, id, next_second, sequence};

/// Full, increment and dump, logs between and after them: each moment comes back as it was, by time and by transaction.
#[test]
fn every_moment_comes_back_from_full_incremental_and_dump() {
    let mut scene = Scene::with("", &Scene::encrypted(), HostOptions::default());
    if scene.shop.encrypted() {
        scene.pause();
        scene.shop.execute("ALTER TABLE ledger.log ENCRYPTED=YES").unwrap();
        scene.begin_anew();
    }
    let full = scene.backup("full");
    scene.write(40);
    let early = scene.backup("binarylog");
    scene.write(40);
    let incremental = scene.backup("incremental");
    scene.write(40);
    let dump = scene.backup("dump");
    scene.write(40);

    // A moment between two seconds in which nothing is written: its state is known.
    let lines = scene.pause();
    let moment = next_second(&scene.shop);
    let after = next_second(&scene.shop);
    scene.go_on();
    scene.write(40);
    let last = scene.pause();
    scene.backup("binarylog");

    let window = scene.host.json(&["service", "recovery-window"]).unwrap();
    assert_eq!(window["gaps"].as_array().map(Vec::len), Some(1), "only now is not covered yet: {window}");

    for base in [&full, &incremental, &dump] {
        scene.restores_to(&[&id(base), "--point-in-time", &after], lines);
    }
    scene.restores_to(&["--point-in-time", &moment], lines);
    for (base, transaction) in [
        (&full, scene.lines_of(&full) + 7),
        (&incremental, lines - 3),
        (&dump, last),
        (&dump, scene.lines_of(&dump) + 1),
    ] {
        let gtid = scene.gtid_of(transaction);
        scene.restores_to(&[&id(base), "--gtid", &gtid], transaction);
        // It goes on counting from there: no number is given out twice.
        assert_eq!(scene.shop.value("SELECT @@gtid_binlog_state").unwrap(), gtid);
    }
    assert!(sequence(early["positions"]["gtid.end"].as_str().unwrap()) > 0);

    // Outside of the window nothing is touched, and the window is named.
    let before = Ledger::check(&scene.shop).unwrap();
    let pid = scene.shop.pid();
    let said = scene.refused(&["--point-in-time", "2020-01-01 00:00:00"]);
    assert!(said.contains("window") || said.contains("between"), "{said}");
    assert_eq!((Ledger::check(&scene.shop).unwrap(), scene.shop.pid()), (before, pid));
}

/// Nothing is written after the backup: that is known, too.
#[test]
fn a_quiet_service_can_be_restored_to_moments_after_its_backup() {
    let mut scene = Scene::start("");
    let lines = scene.pause();
    next_second(&scene.shop);
    let full = scene.backup("full");
    next_second(&scene.shop);
    let quiet = next_second(&scene.shop);
    next_second(&scene.shop);
    scene.backup("binarylog");
    let window = scene.host.json(&["service", "recovery-window"]).unwrap();
    let interval = &window["intervals"][0];
    assert_eq!(interval["backup_id"], full["id"], "{window}");
    assert_ne!(interval["from"], interval["to"], "the log archive has not extended the window: {window}");
    scene.restores_to(&["--point-in-time", &quiet], lines);
    // Nothing new to archive either: the window grows all the same.
    next_second(&scene.shop);
    scene.backup("binarylog");
}

/// Loaded into a running server, such a dump leaves its accounts alone; what is swapped in would have none.
#[test]
fn a_moment_from_a_dump_without_accounts_is_refused() {
    let mut scene = Scene::start("methods.dump = { users = false }");
    let dump = scene.backup("dump");
    scene.write(20);
    let lines = scene.pause();
    scene.backup("binarylog");
    let pid = scene.shop.pid();
    let said = scene.refused(&[&id(&dump), "--gtid", &scene.gtid_of(lines)]);
    assert!(said.contains("holds no accounts"), "{said}");
    assert_eq!(scene.shop.pid(), pid);
    scene.restores_to(&[&id(&dump)], scene.lines_of(&dump));
}

/// `SET timestamp` stamps transactions with any time, without a privilege. What was committed after such a one, and before the moment, is
/// there.
#[test]
fn a_session_that_sets_its_clock_ahead_hides_nothing_that_was_committed_after_it() {
    let mut scene = Scene::start("");
    scene.shop.execute("CREATE DATABASE stray; CREATE TABLE stray.t (id INT PRIMARY KEY)").unwrap();
    scene.begin_anew();
    scene.backup("full");
    scene.write(40);
    let early = scene.pause();
    let before = next_second(&scene.shop);
    next_second(&scene.shop);
    scene.shop.execute("SET timestamp = UNIX_TIMESTAMP() + 86400; INSERT INTO stray.t VALUES (1)").unwrap();
    let stray = scene.shop.value("SELECT @@gtid_binlog_pos").unwrap();
    let doubtful = next_second(&scene.shop);
    next_second(&scene.shop);
    scene.begin_anew();
    scene.write(40);
    let lines = scene.pause();
    next_second(&scene.shop);
    let moment = next_second(&scene.shop);
    scene.go_on();
    scene.write(20);
    scene.pause();
    scene.backup("binarylog");

    // Nothing was stamped between: nobody knows on which side of it the stray one is.
    let said = scene.refused(&["--point-in-time", &doubtful]);
    assert!(said.contains("ahead of the server's clock") && said.contains(&stray), "{said}");
    assert!(said.contains("--gtid"), "{said}");
    scene.restores_to(&["--point-in-time", &moment], lines);
    assert_eq!(scene.shop.value("SELECT COUNT(*) FROM stray.t").unwrap(), "1");
    // The restore was made from the archive, which is still there.
    let said = scene.refused(&["--point-in-time", &before]);
    assert!(said.contains(&stray), "{said}");
    scene.restores_to(&["--gtid", &scene.gtid_of(early)], early);
}

/// Files that were loaded by statement are in the log, and the tools hand them to each other in their scratch.
#[test]
fn a_file_that_was_loaded_by_statement_comes_back_with_its_moment() {
    let mut scene = Scene::start("");
    scene.pause();
    scene.shop.execute("CREATE DATABASE stray; CREATE TABLE stray.t (id INT PRIMARY KEY)").unwrap();
    scene.shop.execute("SELECT 1 UNION SELECT 2 UNION SELECT 3 INTO OUTFILE 'rows.csv'").unwrap();
    scene.backup("full");
    scene
        .shop
        .execute("SET SESSION binlog_format = 'STATEMENT'; LOAD DATA INFILE './rows.csv' INTO TABLE stray.t (id)")
        .unwrap();
    let loaded = scene.shop.value("SELECT @@gtid_binlog_pos").unwrap();
    scene.shop.execute("DELETE FROM stray.t").unwrap();
    scene.backup("binarylog");
    scene.restore(&["--gtid", &loaded]);
    assert_eq!(scene.shop.value("SELECT GROUP_CONCAT(id ORDER BY id) FROM stray.t").unwrap(), "1,2,3");
}
