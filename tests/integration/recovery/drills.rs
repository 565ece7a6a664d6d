//! What only a restore can find out.

use std::fs;

use bulkhead_test_support::dataset::{self, Scale};
use bulkhead_test_support::{AgeKey, HostOptions, MariaDbOptions, StandIn};
use serde_json::Value;

use super::scene::{Scene, id};

/// Tables of several kinds, beside the ledger.
const TABLES: &str = "CREATE DATABASE more; USE more;
    CREATE TABLE more.things (id INT PRIMARY KEY, name VARCHAR(100), KEY by_name (name));
    INSERT INTO more.things SELECT seq, SHA1(seq) FROM seq_1_to_3000;
    CREATE TABLE more.old_style (id INT PRIMARY KEY, name VARCHAR(100), KEY by_name (name)) ENGINE=MyISAM;
    INSERT INTO more.old_style SELECT seq, SHA1(seq) FROM seq_1_to_3000;
    CREATE TABLE more.safer (id INT PRIMARY KEY, body TEXT) ENGINE=Aria;
    INSERT INTO more.safer SELECT seq, SHA1(seq) FROM seq_1_to_100;
    CREATE VIEW more.seen AS SELECT COUNT(*) AS n FROM more.things;";

fn evidence(shown: &Value) -> String {
    shown["evidence"].to_string()
}

#[test]
fn a_drill_proves_each_kind_of_backup_and_leaves_the_server_alone() {
    let mut scene = Scene::with("", &Scene::encrypted(), HostOptions::default());
    scene.shop.execute(TABLES).unwrap();
    dataset::load(&scene.shop, Scale::Small).unwrap();
    let full = scene.backup("full");
    scene.write(20);
    let incremental = scene.backup("incremental");
    let dump = scene.backup("dump");
    scene.pause();
    let pid = scene.shop.pid();
    for backup in [&full, &incremental, &dump] {
        let shown = scene.verify(backup, "drill");
        assert_eq!(shown["verified_level"], "drill", "{shown}");
        assert!(shown["suspect"].is_null() && shown["verified_at"].is_string(), "{shown}");
        let seen = evidence(&shown);
        assert!(seen.contains("restored and checked") && !seen.contains("error:"), "{seen}");
    }
    assert_eq!(scene.shop.pid(), pid);
    let drills = scene.host.dir().join("data/drills");
    bulkhead_test_support::process::wait_until(
        "nothing is left of a drill",
        std::time::Duration::from_secs(30),
        || Ok(fs::read_dir(&drills).is_ok_and(|mut left| left.next().is_none()).then_some(())),
    )
    .unwrap();
}

/// Damage that sizes and digests cannot show, as it happened before the bytes were digested.
#[test]
fn a_drill_catches_what_a_verify_cannot() {
    let (copier, dumper) = (StandIn::for_tool("mariadb-backup").unwrap(), StandIn::for_tool("mariadb-dump").unwrap());
    let extra = format!("{}{}", copier.toml(), dumper.toml());
    let mut scene = Scene::with("", &MariaDbOptions::default(), HostOptions { extra, ..HostOptions::default() });
    scene.shop.execute(TABLES).unwrap();
    scene.pause();

    // A tablespace that is missing from the artifact.
    copier
        .behave(
            r#"case "$*" in *--backup*) a=$1; shift; exec "$real" "$a" --tables-exclude='^more[.]things$' "$@";; esac"#,
        )
        .unwrap();
    let holed = scene.backup("full");
    copier.behave("").unwrap();
    caught(&scene, &holed, "more.things");

    // A dump whose tool ended early, with exit code 0 and its last line.
    dumper.behave(r#"case "$*" in *--all-databases*) exec "$real" "$@" --ignore-table=more.things;; esac"#).unwrap();
    let short = scene.backup("dump");
    dumper.behave("").unwrap();
    caught(&scene, &short, "more.things");

    // A page that was flipped before the backup, in a table whose engine does not sum up its pages.
    scene.shop.stop().unwrap();
    let index = scene.shop.data_dir().join("more/old_style.MYI");
    let mut bytes = fs::read(&index).unwrap();
    let at = bytes.len() - 2000;
    bytes[at] ^= 0xff;
    fs::write(&index, bytes).unwrap();
    scene.shop.launch().unwrap();
    let flipped = scene.backup("full");
    caught(&scene, &flipped, "more.old_style");

    // Retention does not count on any of them.
    let plan = scene.host.json(&["backup", "list"]).unwrap();
    let suspects = plan["backups"].as_array().unwrap().iter().filter(|backup| !backup["suspect"].is_null()).count();
    assert_eq!(suspects, 3, "{plan}");
}

#[test]
fn a_drill_with_a_wrong_key_says_so() {
    let (key, other) = (AgeKey::generate().unwrap(), AgeKey::generate().unwrap());
    let host = HostOptions {
        recipients: vec![key.recipient.clone()],
        identities: vec![other.identity()],
        ..HostOptions::default()
    };
    let mut scene = Scene::with("", &MariaDbOptions::default(), host);
    scene.pause();
    let backup = scene.backup("full");
    let shown = scene.verify(&backup, "drill");
    assert!(shown["suspect"].to_string().contains("cannot be opened with this host's keys"), "{shown}");
}

/// Its bytes are those that were written; that it does not restore is found by a drill alone, and stands.
fn caught(scene: &Scene, backup: &Value, table: &str) {
    assert!(scene.verify(backup, "content")["suspect"].is_null());
    let shown = scene.verify(backup, "drill");
    assert!(shown["suspect"].to_string().contains(table), "{shown}");
    assert!(evidence(&shown).contains(table), "{shown}");
    let again = scene.verify(backup, "content");
    assert!(!again["suspect"].is_null(), "a weaker verify has cleared what a drill found: {again}");
    assert!(!id(&again).is_empty());
}
