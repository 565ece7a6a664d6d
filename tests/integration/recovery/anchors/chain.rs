//! 4. Chains are handled for whoever makes them.

use bulkhead_test_support::{Ledger, MariaDb};
use serde_json::Value;

use crate::recovery::scene::{SHOP, Scene, id};
use crate::recovery::timelines::{replica_of, take_over};

#[test]
fn anchor_4_an_incremental_goes_on_top_of_no_backup_of_another_server() {
    let mut scene = Scene::start("");
    scene.pause();
    // A copy of the data directory: same tables, same log sequence numbers, another server.
    let copy = replica_of(&scene.shop);
    let before = Ledger::check(&scene.shop).unwrap().lines;
    let full = scene.backup("full");
    scene.go_on();
    scene.write(20);
    let lines = scene.pause();
    let link = scene.backup("incremental");
    refused_on(&mut scene, copy, &link);
    refused_on(&mut scene, MariaDb::start().unwrap(), &link);

    // A full backup of the new one begins another chain; that of the old one stays whole.
    let other = scene.backup("full");
    let on_top = scene.backup("incremental");
    assert_eq!((&on_top["reference_full_backup"], &on_top["parent_id"]), (&other["id"], &other["id"]), "{on_top}");
    scene.restores_to(&[&id(&link)], lines);
    scene.restores_to(&[&id(&full)], before);
}

/// With this server in the place of the one before.
fn refused_on(scene: &mut Scene, server: MariaDb, link: &Value) {
    take_over(scene, server);
    let made = scene.host.create_backup(SHOP, "incremental").unwrap();
    let shown = scene.host.wait_for("backup", &made, crate::crash::scene::PATIENCE).unwrap();
    assert_eq!(shown["status"], "Failed", "{shown}");
    let message = shown["message"].as_str().unwrap();
    assert!(message.contains(&format!("cannot go on top of {}", id(link))), "{message}");
}
