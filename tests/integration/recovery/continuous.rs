//! The archive that goes on by itself: at the loss of a server at most a second of it is lost.

use bulkhead_test_support::{Account, HostOptions, Ledger, MariaDb, MariaDbOptions, ServiceEntry, process};
use serde_json::Value;

use super::scene::{SPARE, Scene, id, sequence};
use crate::crash::scene::PATIENCE;

const CONTINUOUS: &str = "methods.binarylog = { continuous = true, segment_seconds = 2 }";

/// The archived logs, oldest first. One that nothing needs may go at any time.
fn archived(scene: &Scene) -> Vec<Value> {
    let list = scene.host.json(&["backup", "list"]).unwrap();
    let rows = list["backups"].as_array().unwrap().iter().rev();
    let logs = rows.filter(|row| row["type"] == "binarylog" && row["status"] == "Succeeded");
    logs.filter_map(|row| scene.host.json(&["backup", "show", &id(row)]).ok()).collect()
}

fn wait_for_segments(scene: &Scene, count: usize) {
    process::wait_until("segments are archived", PATIENCE, || Ok((archived(scene).len() >= count).then_some(())))
        .unwrap_or_else(|problem| panic!("{problem}\n{}", scene.host.log_tail()));
}

fn wait_for_transaction(scene: &Scene, gtid: &str) {
    process::wait_until("it is archived", PATIENCE, || {
        let last = archived(scene).pop().unwrap();
        let end = sequence(last["positions"]["gtid.end"].as_str().unwrap());
        Ok((end >= sequence(gtid)).then_some(()))
    })
    .unwrap_or_else(|problem| panic!("{gtid}: {problem}\n{}", scene.host.log_tail()));
}

#[test]
fn the_loss_of_the_server_costs_at_most_a_second_of_what_was_committed() {
    let spare = std::sync::Arc::new(MariaDb::start().unwrap());
    let host = HostOptions {
        services: vec![ServiceEntry::of(SPARE, &spare).account(Account::ADMIN)],
        ..HostOptions::default()
    };
    let mut scene = Scene::with(CONTINUOUS, &MariaDbOptions::default(), host);
    let full = scene.backup("full");
    for _ in 0..3 {
        wait_for_segments(&scene, archived(&scene).len() + 1);
        scene.shop.execute("FLUSH BINARY LOGS").unwrap();
        scene.write(50);
    }
    let segments = archived(&scene);
    assert!(segments.len() >= 3, "{segments:?}");

    // Amid the load, and amid a segment.
    scene.write(200);
    // What is written after the server is back comes seconds later.
    let killed = scene.shop.value("SELECT NOW(6) + INTERVAL 0.5 SECOND").unwrap();
    scene.shop.kill().unwrap();
    process::wait_until("the archive has noticed", PATIENCE, || {
        let list = scene.host.json(&["backup", "list"])?;
        let logs: Vec<_> =
            list["backups"].as_array().unwrap().iter().filter(|row| row["type"] == "binarylog").cloned().collect();
        Ok(logs.iter().any(|row| row["status"] == "Failed").then_some(()))
    })
    .unwrap_or_else(|problem| panic!("{problem}\n{}", scene.host.log_tail()));

    // The machine is lost: what is archived is all there is, until it is looked what was committed.
    let segments = archived(&scene);
    let last = segments.last().unwrap();
    let gtid = last["positions"]["gtid.end"].as_str().unwrap();
    scene.restore(&[&id(&full), "--to", SPARE, "--gtid", gtid]);
    let restored = Ledger::check(&spare).unwrap().lines;
    assert_eq!(restored, scene.lines_at(gtid));
    let newest = spare.value("SELECT MAX(at) FROM ledger.log").unwrap();

    // However long the server is away: one backup that failed, and not one at each try.
    let list = scene.host.json(&["backup", "list"]).unwrap();
    let failed = list["backups"].as_array().unwrap().iter().filter(|row| row["status"] == "Failed").count();
    assert_eq!(failed, 1, "{list}");

    scene.shop.launch().unwrap();
    let committed = scene.pause();
    let lost = format!(
        "SELECT COUNT(*), COALESCE(TIMESTAMPDIFF(MICROSECOND, '{newest}', MAX(at)), 0) FROM ledger.log WHERE id > {restored} AND at <= '{killed}'"
    );
    let row = &scene.shop.query(&lost).unwrap()[0];
    let (lines, micros): (u64, u64) = (row[0].parse().unwrap(), row[1].parse().unwrap());
    println!("{lines} of {committed} lines were not archived, the newest {micros} us after the last one that was");
    assert!(micros <= 1_000_000, "{lines} lines lost, over {micros} us");

    // With the server back the archive goes on by itself, without a hole.
    let before = archived(&scene).len();
    scene.go_on();
    scene.write(20);
    wait_for_segments(&scene, before + 2);
    let lines = scene.pause();
    let target = scene.gtid_of(lines);
    wait_for_transaction(&scene, &target);
    let segments = archived(&scene);
    let text = |backup: &Value, name: &str| backup["positions"][name].as_str().unwrap_or_default().to_owned();
    for pair in segments.windows(2) {
        assert_eq!(text(&pair[0], "gtid.end"), text(&pair[1], "gtid.start"), "{pair:?}");
        assert_eq!(text(&pair[0], "timeline"), text(&pair[1], "timeline"), "{pair:?}");
    }
    scene.restores_to(&[&id(&full), "--gtid", &target], lines);
}

/// A host that dies in mid-segment leaves nothing to do by hand.
#[test]
fn the_archive_goes_on_after_its_host_was_killed_and_with_a_restore_in_between() {
    let mut scene = Scene::with(
        CONTINUOUS,
        &MariaDbOptions::default(),
        HostOptions { extra: crate::crash::scene::LIMITS.to_owned(), ..HostOptions::default() },
    );
    let full = scene.backup("full");
    wait_for_segments(&scene, 1);
    scene.host.kill().unwrap();
    scene.write(50);
    scene.host.launch(&[]).unwrap();
    wait_for_segments(&scene, 3);
    let lines = scene.pause();
    let target = scene.gtid_of(lines);
    wait_for_transaction(&scene, &target);
    let run = archived(&scene)[0]["positions"]["timeline"].clone();
    assert!(archived(&scene).iter().all(|log| log["positions"]["timeline"] == run));
    scene.restores_to(&[&id(&full), "--gtid", &target], lines);

    // The restored server counts from there, and is archived from there: another timeline.
    scene.go_on();
    process::wait_until("another timeline begins", PATIENCE, || {
        Ok(archived(&scene).pop().filter(|last| last["positions"]["timeline"] != run))
    })
    .unwrap_or_else(|problem| panic!("{problem}\n{}", scene.host.log_tail()));
    let again = scene.backup("full");
    scene.write(20);
    let lines = scene.pause();
    let target = scene.gtid_of(lines);
    wait_for_transaction(&scene, &target);
    scene.restores_to(&[&id(&again), "--gtid", &target], lines);
}
