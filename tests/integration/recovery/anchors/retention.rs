//! 6. Retention knows what belongs together.

use std::collections::BTreeSet;
use std::fs;

use bulkhead_test_support::{AgeKey, HostOptions, MariaDbOptions, process};
use serde_json::Value;

use crate::crash::scene::PATIENCE;
use crate::recovery::scene::{Scene, id};

/// Waits until these are all the backups that are there.
fn settles(scene: &Scene, expected: &[&Value]) {
    let expected: BTreeSet<String> = expected.iter().map(|backup| id(backup)).collect();
    let kept = || -> BTreeSet<String> {
        let list = scene.host.json(&["backup", "list"]).unwrap();
        list["backups"].as_array().unwrap().iter().map(id).collect()
    };
    process::wait_until("retention is done", PATIENCE, || Ok((kept() == expected).then_some(())))
        .unwrap_or_else(|problem| panic!("{problem}: {:?} instead of {expected:?}", kept()));
}

/// A schedule that never fires while this runs: for its plan.
fn schedule(scene: &Scene, method: &str) -> String {
    let made = scene.host.json(&["schedule", "create", "0 3 1 1 *", "--type", method]).unwrap();
    made["id"].to_string()
}

/// What a plan says of a backup: the action, and the sentences.
fn fate(plan: &Value, backup: &Value) -> (String, String) {
    let rows = plan["backups"].as_array().unwrap();
    let row = rows.iter().find(|row| row["id"] == backup["id"]).unwrap_or_else(|| panic!("not in {plan}"));
    let sentences = row["reasons"].as_array().unwrap();
    assert!(!sentences.is_empty() && sentences.iter().all(|sentence| sentence.as_str().unwrap().len() > 5), "{row}");
    (row["action"].as_str().unwrap().to_owned(), row["reasons"].to_string())
}

#[test]
fn anchor_6_retention_keeps_what_a_kept_backup_needs_lets_go_what_none_needs_and_says_why() {
    // One of each kind is kept, unless it is needed.
    let mut scene = Scene::start("retention = 1");
    let [fulls, links, logs] = ["full", "incremental", "binarylog"].map(|method| schedule(&scene, method));
    let plan = |scene: &Scene, schedule: &str| scene.host.json(&["schedule", "plan", schedule]).unwrap();
    let first = scene.backup("full");
    let early = scene.backup("binarylog");
    let link = scene.backup("incremental");
    scene.write(20);
    let middle = scene.backup("binarylog");
    let second = scene.backup("full");

    let (action, why) = fate(&plan(&scene, &fulls), &first);
    assert!(action == "keep" && why.contains(&format!("needed to restore {}", id(&link))), "{why}");
    assert_eq!(fate(&plan(&scene, &fulls), &second).0, "keep");
    assert_eq!(fate(&plan(&scene, &links), &link).0, "keep");
    for (log, base) in [(&early, &first), (&middle, &link)] {
        let (action, why) = fate(&plan(&scene, &logs), log);
        assert!(action == "keep" && why.contains(&format!("continue {}", id(base))), "{why}");
    }

    // The increment goes, so that nothing needs its base any more; the logs stay as long as that is there.
    let next = scene.backup("incremental");
    settles(&scene, &[&first, &early, &middle, &second, &next]);
    let (action, why) = fate(&plan(&scene, &fulls), &first);
    assert!(action == "expire" && why.contains("nothing that is kept needs it"), "{why}");
    for log in [&early, &middle] {
        let (action, why) = fate(&plan(&scene, &logs), log);
        assert!(action == "keep" && why.contains(&format!("continue {}", id(&first))), "{why}");
    }
    let third = scene.backup("full");
    settles(&scene, &[&early, &middle, &second, &next, &third]);
    let (action, why) = fate(&plan(&scene, &logs), &early);
    assert!(action == "expire" && why.contains("before the oldest backup that is kept"), "{why}");
    let (action, why) = fate(&plan(&scene, &logs), &middle);
    assert!(action == "keep" && why.contains("the newest logs of all"), "{why}");
    // Nobody is told that they lead anywhere.
    let window = scene.host.json(&["service", "recovery-window"]).unwrap();
    let from = window["intervals"].as_array().unwrap().last().unwrap();
    assert_eq!(from["backup_id"], second["id"], "{window}");

    scene.write(20);
    let lines = scene.pause();
    let last = scene.backup("binarylog");
    settles(&scene, &[&second, &next, &third, &last]);
    for base in [&second, &next, &third] {
        scene.restores_to(&[&id(base), "--gtid", &scene.gtid_of(lines)], lines);
    }
}

#[test]
fn anchor_6_another_key_makes_no_hole_in_chain_or_logs() {
    let (old, new) = (AgeKey::generate().unwrap(), AgeKey::generate().unwrap());
    let host = HostOptions {
        recipients: vec![old.recipient.clone()],
        identities: vec![old.identity(), new.identity()],
        ..HostOptions::default()
    };
    let mut scene = Scene::with("", &MariaDbOptions::default(), host);
    let full = scene.backup("full");
    scene.write(20);
    let before = scene.backup("binarylog");
    scene.write(20);
    let file = scene.host.dir().join("bulkhead.toml");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains(&old.recipient));
    fs::write(&file, text.replace(&old.recipient, &new.recipient)).unwrap();
    scene.host.launch(&[]).unwrap();
    let link = scene.backup("incremental");
    assert_eq!(link["parent_id"], full["id"], "{link}");
    scene.write(20);
    let lines = scene.pause();
    let after = scene.backup("binarylog");
    assert_eq!(after["positions"]["timeline"], before["positions"]["timeline"], "{after}");
    for base in [&full, &link] {
        scene.restores_to(&[&id(base), "--gtid", &scene.gtid_of(lines)], lines);
    }
    scene.restores_to(&[&id(&link)], scene.lines_of(&link));
}
