//! A part is complete, or says what it is without.

use std::collections::BTreeMap;
use std::sync::Arc;

use bulkhead_test_support::{Account, HostOptions, MariaDb, MariaDbOptions, ServiceEntry, Snapshot};

use crate::recovery::scene::{SPARE, Scene, id};

const RICH: &str = "CREATE DATABASE rich CHARACTER SET latin1 COMMENT 'the shop''s own'; USE rich;
CREATE SEQUENCE numbers START WITH 100 INCREMENT BY 10; CREATE SEQUENCE others CACHE 5;
CREATE TABLE kinds (id INT PRIMARY KEY) COMMENT 'of \"things\"'; INSERT INTO kinds VALUES (1), (2);
CREATE TABLE things (id INT PRIMARY KEY DEFAULT NEXTVAL(rich.numbers), kind INT NOT NULL COMMENT 'which; one',
  twice INT AS (id * 2) PERSISTENT, thrice INT AS (id * 3) VIRTUAL, other INT DEFAULT (NEXTVAL(others) + 1),
  hidden INT INVISIBLE DEFAULT 7, CHECK (kind > 0), CONSTRAINT known FOREIGN KEY (kind) REFERENCES kinds (id));
INSERT INTO things (kind, hidden) VALUES (1, 8), (2, 9);
CREATE TABLE prices (id INT PRIMARY KEY, price INT) WITH SYSTEM VERSIONING;
INSERT INTO prices VALUES (1, 10), (2, 20); UPDATE prices SET price = 11; DELETE FROM prices WHERE id = 2;
CREATE VIEW counted AS SELECT kinds.id, COUNT(*) AS n FROM things JOIN kinds ON kinds.id = things.kind GROUP BY kinds.id;
CREATE VIEW on_counted AS SELECT * FROM counted;
DELIMITER //
CREATE PROCEDURE count_them() BEGIN -- all of them
  SELECT COUNT(*) FROM things; END//
CREATE FUNCTION one() RETURNS INT DETERMINISTIC NO SQL RETURN 1 /* no more */ //
CREATE TRIGGER things_in BEFORE INSERT ON things FOR EACH ROW BEGIN # first
  SET NEW.hidden = COALESCE(NEW.hidden, 7); END//
CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01 03:00:00' DO BEGIN -- each night
  DELETE FROM prices; END//
DELIMITER ;
CREATE DATABASE tied; CREATE TABLE tied.t (id INT PRIMARY KEY);
CREATE VIEW tied.by_function AS SELECT rich.one() AS n; CREATE VIEW tied.on_it AS SELECT n FROM tied.by_function;
CREATE VIEW tied.elsewhere AS SELECT id FROM rich.kinds; CREATE VIEW tied.plain AS SELECT id FROM tied.t;
CREATE PROCEDURE tied.writes() INSERT INTO tied.t VALUES (1);
CREATE TRIGGER tied.tr BEFORE INSERT ON tied.t FOR EACH ROW SET @a = 1;";

/// Everything in a database, by kind and name, with the database's name as `rich`.
fn contents(server: &MariaDb, database: &str) -> BTreeMap<String, String> {
    let snapshot = Snapshot::take(server).unwrap();
    let (qualified, itself) = (format!("`{database}`."), format!("`{database}`"));
    let of = |name: &str| name.starts_with(&qualified) || name == itself;
    // The first line of a database's definition is its bare name.
    let first = format!("{database}\n");
    let plain = |text: &str| text.strip_prefix(&first).unwrap_or(text).replace(&itself, "`rich`");
    let definitions = snapshot.definitions.iter().filter(|(object, _)| of(&object.name));
    let mut all: BTreeMap<_, _> = definitions.map(|(object, text)| (plain(&object.to_string()), plain(text))).collect();
    for (kind, sums) in [("rows", &snapshot.tables), ("history", &snapshot.histories)] {
        all.extend(
            sums.iter()
                .filter(|(name, _)| of(name))
                .map(|(name, sum)| (plain(&format!("{kind} {name}")), sum.to_string())),
        );
    }
    all
}

#[test]
fn a_rich_database_comes_back_whole_elsewhere_and_under_another_name_but_for_what_is_said() {
    // Sequences cannot be logged as statements.
    let mixed = MariaDbOptions { arguments: vec!["--binlog-format=MIXED".to_owned()], ..MariaDbOptions::default() };
    let spare = Arc::new(MariaDb::start_with(&mixed).unwrap());
    let host = HostOptions {
        services: vec![ServiceEntry::of(SPARE, &spare).account(Account::ADMIN)],
        ..HostOptions::default()
    };
    let mut scene = Scene::with("", &mixed, host);
    scene.pause();
    scene.shop.execute(RICH).unwrap();
    let before = contents(&scene.shop, "rich");
    assert_eq!(before.keys().filter(|name| name.starts_with("history")).count(), 1, "{:?}", before.keys());
    let (full, dump) = (scene.backup("full"), scene.backup("dump"));

    for backup in [&full, &dump] {
        scene.restore(&[&id(backup), "--to", SPARE, "--database", "rich"]);
        assert_same(&before, &contents(&spare, "rich"));
        spare.execute("DROP DATABASE rich").unwrap();

        let asked = [&id(backup), "--database", "rich", "--as-database", "copy"];
        let preview = scene.host.json(&[&["backup", "restore"][..], &asked, &["--dry-run"]].concat()).unwrap();
        assert!(preview["warnings"].to_string().contains("without its events"), "{preview}");
        let restored = scene.restore(&asked);
        assert!(restored.to_string().contains("without events `nightly`"), "{restored}");
        let mut expected = before.clone();
        expected.remove("event `rich`.`nightly`").unwrap();
        assert_same(&expected, &contents(&scene.shop, "copy"));
        // It takes its numbers from its own sequences.
        scene.shop.execute("INSERT INTO copy.things (kind) VALUES (1)").unwrap();
        assert_same(&before, &contents(&scene.shop, "rich"));
        scene.shop.execute("DROP DATABASE copy").unwrap();
    }

    // What has the old name in its text stays behind, and what is made on it.
    let restored = scene.restore(&[&id(&full), "--database", "tied", "--as-database", "free"]).to_string();
    for said in ["routines `writes`", "triggers `tr`", "views `by_function`, `elsewhere`, `on_it`"] {
        assert!(restored.contains(said), "{said} is not in {restored}");
    }
    let there = "SELECT GROUP_CONCAT(table_name ORDER BY 1) FROM information_schema.tables WHERE table_schema = 'free'";
    assert_eq!(scene.shop.value(there).unwrap(), "plain,t");
}

#[test]
fn a_single_table_brings_its_history_and_the_sequences_that_it_needs() {
    let mut scene = Scene::start("");
    scene.pause();
    scene.shop.execute(RICH).unwrap();
    let full = id(&scene.backup("full"));
    let before = contents(&scene.shop, "rich");

    scene.restore(&[&full, "--database", "rich", "--table", "prices", "--as-table", "prices_then"]);
    let now = contents(&scene.shop, "rich");
    assert_eq!(now["history `rich`.`prices_then`"], before["history `rich`.`prices`"]);

    // Into a database that has neither: with sequences of its own, and saying what a reference leads nowhere.
    let restored =
        scene.restore(&[&full, "--database", "rich", "--table", "things", "--as-database", "apart"]).to_string();
    assert!(restored.contains("triggers `things_in`") && restored.contains("`apart`.`kinds`"), "{restored}");
    let apart = contents(&scene.shop, "apart");
    assert_eq!(apart["rows `rich`.`things`"], before["rows `rich`.`things`"]);
    scene.shop.execute("SET foreign_key_checks = 0; INSERT INTO apart.things (kind) VALUES (1)").unwrap();
    let taken = scene.shop.value("SELECT MAX(id) FROM apart.things").unwrap().parse::<u64>().unwrap();
    assert!(taken > 110, "{taken}");
    assert_eq!(contents(&scene.shop, "rich")["sequence `rich`.`numbers`"], before["sequence `rich`.`numbers`"]);
    // And where the original stood, with its trigger.
    scene
        .shop
        .execute("DROP TABLE rich.things; DROP SEQUENCE rich.others; DROP VIEW rich.on_counted, rich.counted")
        .unwrap();
    scene.restore(&[&full, "--database", "rich", "--table", "things"]);
    let now = contents(&scene.shop, "rich");
    for object in
        ["table `rich`.`things`", "rows `rich`.`things`", "trigger `rich`.`things_in`", "sequence `rich`.`others`"]
    {
        assert_eq!(now[object], before[object], "{object}");
    }
}

fn assert_same(expected: &BTreeMap<String, String>, found: &BTreeMap<String, String>) {
    for (name, text) in expected {
        assert_eq!(found.get(name), Some(text), "{name}");
    }
    let more: Vec<_> = found.keys().filter(|name| !expected.contains_key(*name)).collect();
    assert!(more.is_empty(), "{more:?}");
}
