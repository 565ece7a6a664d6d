//! One database or table out of a backup, beside what is there.

use std::sync::Arc;

use bulkhead_test_support::{Account, HostOptions, Ledger, MariaDb, MariaDbOptions, ServiceEntry, StandIn};

use super::scene::{SPARE, Scene, id};

const TABLES: &str = "CREATE DATABASE more CHARACTER SET latin1 COLLATE latin1_swedish_ci; USE more;
    CREATE TABLE more.things (id INT PRIMARY KEY, name VARCHAR(100), KEY by_name (name));
    CREATE TABLE more.kinds (id INT PRIMARY KEY); INSERT INTO more.kinds VALUES (1);
    ALTER TABLE more.things ADD kind INT NOT NULL DEFAULT 1, ADD CONSTRAINT known FOREIGN KEY (kind) REFERENCES more.kinds (id);
    CREATE TABLE more.seen (n INT);
    CREATE TRIGGER more.noted AFTER INSERT ON more.things FOR EACH ROW INSERT INTO more.seen VALUES (NEW.id);
    INSERT INTO more.things (id, name) SELECT seq, SHA1(seq) FROM seq_1_to_300;
    CREATE VIEW more.counted AS SELECT COUNT(*) AS n FROM more.things;
    CREATE PROCEDURE more.nothing() SELECT 1;";

#[test]
fn a_table_or_database_comes_back_under_another_name_or_on_another_service() {
    let spare = Arc::new(MariaDb::start().unwrap());
    let (dumper, client) = (StandIn::for_tool("mariadb-dump").unwrap(), StandIn::for_tool("mariadb").unwrap());
    let host = HostOptions {
        services: vec![ServiceEntry::of(SPARE, &spare).account(Account::ADMIN)],
        extra: [dumper.toml(), client.toml()].concat(),
        ..HostOptions::default()
    };
    let mut scene = Scene::with("", &MariaDbOptions::default(), host);
    scene.shop.execute(TABLES).unwrap();
    scene.pause();
    let sum = |server: &MariaDb, table: &str| server.query(&format!("CHECKSUM TABLE {table}")).unwrap()[0][1].clone();
    let (things, pid) = (sum(&scene.shop, "more.things"), scene.shop.pid());
    let (full, dump) = (scene.backup("full"), scene.backup("dump"));
    scene.shop.execute("DELETE FROM more.things WHERE id > 10; DELETE FROM more.seen").unwrap();
    let ledger = Ledger::check(&scene.shop).unwrap();

    for (backup, name) in [(&full, "from_full"), (&dump, "from_dump")] {
        let id = id(backup);
        scene.restore(&[&id, "--database", "more", "--table", "things", "--as-table", name]);
        assert_eq!(sum(&scene.shop, &format!("more.{name}")), things);
        // What is there stays, and nothing is restored over it.
        let said = scene.refused(&[&id, "--database", "more", "--table", "things", "--as-table", name]);
        assert!(said.contains("exists"), "{said}");
    }
    let id = id(&full);
    let said = scene.refused(&[&id, "--database", "more"]);
    assert!(said.contains("exists"), "{said}");
    let said = scene.refused(&[&id, "--database", "nowhere", "--as-database", "somewhere"]);
    assert!(said.contains("no database `nowhere`"), "{said}");
    scene.restore(&[&id, "--database", "more", "--as-database", "more_before"]);
    assert_eq!(sum(&scene.shop, "more_before.things"), things);
    assert_eq!(scene.shop.value("SELECT COUNT(*) FROM more_before.seen").unwrap(), "300");
    assert_eq!(scene.shop.value("SELECT COUNT(*) FROM more.things").unwrap(), "10");

    // A load that fails takes back what it has made.
    let late = [&id, "--database", "more", "--table", "things", "--as-table", "late"];
    dumper.behave("case \"$*\" in *--no-create-info*) echo broken >&2; exit 2;; esac").unwrap();
    scene.refused(&late);
    dumper.behave("").unwrap();
    let there = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'more' AND table_name = 'late'";
    assert_eq!(scene.shop.value(there).unwrap(), "0");
    // It takes back nothing that somebody else has made under the name in the meantime.
    let theirs = "CREATE TABLE more.late (theirs INT); INSERT INTO more.late VALUES (7); SELECT broken;";
    client.behave(&format!("exec \"$real\" \"$@\" <<'SQL'\n{theirs}\nSQL")).unwrap();
    scene.refused(&late);
    client.behave("").unwrap();
    assert_eq!(scene.shop.value("SELECT theirs FROM more.late").unwrap(), "7");

    // On another service it keeps its name, and with it views and routines.
    scene.restore(&[&id, "--to", SPARE, "--database", "more"]);
    assert_eq!(sum(&spare, "more.things"), things);
    assert_eq!(spare.value("SELECT n FROM more.counted").unwrap(), "300");
    spare.query("CALL more.nothing()").unwrap();
    let kept = "SELECT CONCAT(default_character_set_name, ' ', default_collation_name) FROM information_schema.schemata
        WHERE schema_name = 'more'";
    assert_eq!(spare.value(kept).unwrap(), "latin1 latin1_swedish_ci");
    assert_eq!((Ledger::check(&scene.shop).unwrap(), scene.shop.pid()), (ledger, pid));
}
