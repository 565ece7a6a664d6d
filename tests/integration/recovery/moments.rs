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
