//! What was broken before it was backed up.

use crate::recovery::scene::{Scene, id};

const BROKEN: &str = "CREATE DATABASE m; USE m;
    CREATE TABLE sound (id INT PRIMARY KEY); INSERT INTO sound VALUES (1), (2); CREATE VIEW seen AS SELECT id FROM sound;
    CREATE TABLE a (id INT) ENGINE=MyISAM; CREATE TABLE u (id INT) ENGINE=MERGE UNION=(a); DROP TABLE a;
    CREATE TABLE d (id INT PRIMARY KEY); ALTER TABLE d DISCARD TABLESPACE;
    CREATE TABLE b (id INT); CREATE VIEW v AS SELECT id FROM b; CREATE VIEW on_v AS SELECT id FROM v; DROP TABLE b;";

#[test]
fn what_was_broken_at_its_source_stops_no_backup_and_makes_none_suspect() {
    let mut scene = Scene::start("");
    scene.pause();
    scene.shop.execute(BROKEN).unwrap();

    let dump = scene.backup("dump");
    assert_eq!(dump["positions"]["left_out"], "m.d, m.on_v, m.u, m.v", "{dump}");
    let full = scene.backup("full");
    for backup in [&dump, &full] {
        let shown = scene.verify(backup, "drill");
        assert_eq!(shown["verified_level"], "drill", "{shown}");
        assert!(shown["suspect"].is_null() && shown["verified_at"].is_string(), "{shown}");
        let seen = shown["evidence"].to_string();
        assert!(seen.contains("m.u") && seen.contains("m.d") && !seen.contains("error:"), "{seen}");
    }

    // A part says what it is without, and where a single one is asked for, why it is not there.
    for (backup, broken) in [(&full, &["`d`", "`u`", "`v`", "`on_v`"][..]), (&dump, &[])] {
        let restored = scene.restore(&[&id(backup), "--database", "m", "--as-database", "copy"]);
        for name in broken {
            assert!(restored.to_string().contains(name), "{name} is not in {restored}");
        }
        assert_eq!(scene.shop.value("SELECT COUNT(*) FROM copy.seen").unwrap(), "2");
        scene.shop.execute("DROP DATABASE copy").unwrap();
    }
    let said = scene.refused(&[&id(&full), "--database", "m", "--table", "d", "--as-table", "e"]);
    assert!(said.contains("as when it was backed up") && said.contains("1814"), "{said}");

    scene.shop.execute("DROP DATABASE m").unwrap();
    scene.restore(&[&id(&dump)]);
    let there = "SELECT GROUP_CONCAT(table_name ORDER BY 1) FROM information_schema.tables WHERE table_schema = 'm'";
    assert_eq!(scene.shop.value(there).unwrap(), "seen,sound");
}

#[test]
fn a_table_with_damaged_data_is_not_left_out_in_silence() {
    let mut scene = Scene::start("");
    scene.pause();
    scene
        .shop
        .execute("CREATE DATABASE m; CREATE TABLE m.hurt (id INT PRIMARY KEY) ENGINE=MyISAM; FLUSH TABLES")
        .unwrap();
    std::fs::write(scene.shop.data_dir().join("m/hurt.MYI"), vec![7; 2048]).unwrap();
    let output = scene.host.run(&["backup", "create", "--type", "dump", "--wait"]).unwrap();
    assert_ne!(output.code, Some(0), "{}", output.stdout);
    assert!(output.stderr.contains("m.hurt") && output.stderr.contains("REPAIR TABLE"), "{}", output.stderr);
}
