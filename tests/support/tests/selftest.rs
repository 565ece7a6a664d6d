//! The measuring instruments are measured: a comparison that cannot fail proves nothing.

use std::sync::Arc;

use bulkhead_test_support::dataset::{self, Scale};
use bulkhead_test_support::{Ledger, MariaDb, MariaDbOptions, Snapshot, Writer};

#[test]
fn a_snapshot_sees_every_kind_of_change() {
    let options = MariaDbOptions { encryption: MariaDb::can_encrypt(), ..MariaDbOptions::default() };
    let server = MariaDb::start_with(&options).unwrap();
    dataset::load(&server, Scale::Small).unwrap();
    let before = Snapshot::take(&server).unwrap();
    assert!(before.tables.len() > 40, "{}", before.side_by_side(&before));

    // Each change is seen as the one object it touches.
    let changes: &[(&str, &[&str])] = &[
        (
            "UPDATE shop.numbers SET exact = exact + 0.000000000000000000000000000001 WHERE id = 4",
            &["rows `shop`.`numbers`"],
        ),
        ("UPDATE shop.numbers SET single = 3.141591 WHERE id = 2", &["rows `shop`.`numbers`"]),
        ("UPDATE shop.texts SET varied = NULL WHERE id = 3", &["rows `shop`.`texts`"]),
        ("UPDATE shop.customers SET secret_note = 'x' WHERE id = 9", &["rows `shop`.`customers`"]),
        ("UPDATE shop.bytes SET story = REPLACE(story, 'ü', 'u') WHERE id = 4", &["rows `shop`.`bytes`"]),
        ("INSERT INTO shop.without_key VALUES (0, 'duplicate rows')", &["rows `shop`.`without_key`"]),
        ("DELETE HISTORY FROM shop.prices BEFORE SYSTEM_TIME '2024-05-03 00:00:00'", &["history `shop`.`prices`"]),
        ("SELECT NEXTVAL(shop.downwards)", &["sequence `shop`.`downwards`"]),
        ("ALTER TABLE shop.empty_table COMMENT 'other'", &["table `shop`.`empty_table`"]),
        ("ALTER EVENT shop.nightly DISABLE", &["event `shop`.`nightly`"]),
        ("DROP TRIGGER shop.orders_before_second", &["trigger `shop`.`orders_before_second`"]),
        ("REVOKE UPDATE (name) ON shop.customers FROM bob@'10.%'", &["user `bob`@`10.%`"]),
        ("ALTER USER ada@localhost IDENTIFIED BY 'other'", &["user `ada`@`localhost`"]),
        ("DROP DATABASE empty_database", &["database `empty_database`"]),
    ];
    let mut reference = before.clone();
    for (change, expected) in changes {
        server.execute(&format!("SET sql_log_bin = 0; SET time_zone = '+00:00'; {change};")).unwrap();
        let after = Snapshot::take(&server).unwrap();
        let found: Vec<String> = reference.compare(&after).iter().map(|one| one.object.to_string()).collect();
        assert_eq!(&found, expected, "after: {change}");
        reference = after;
    }

    dataset::destroy(&server).unwrap();
    let nothing = Snapshot::take(&server).unwrap();
    assert_eq!(nothing.tables.len(), 0);
    assert!(nothing.definitions.len() < 6, "{:?}", nothing.definitions.keys());
}

#[test]
fn a_snapshot_is_the_same_after_a_restart_and_a_rebuild() {
    let server = MariaDb::start().unwrap();
    dataset::load(&server, Scale::Small).unwrap();
    let before = Snapshot::take(&server).unwrap();
    server.stop().unwrap();
    assert!(!server.answers());
    server.launch().unwrap();
    server
        .execute("SET sql_log_bin = 0; ALTER TABLE shop.orders FORCE; ALTER TABLE shop.orders ORDER BY total")
        .unwrap();
    let differences = before.compare(&Snapshot::take(&server).unwrap());
    assert!(differences.is_empty(), "{differences:?}");
}

#[test]
fn a_ledger_tells_states_that_never_were() {
    let server = Arc::new(MariaDb::start().unwrap());
    let writer = Writer::start(&server).unwrap();
    writer.wait_for(50).unwrap();
    server.kill().unwrap();
    let confirmed = writer.committed();
    server.launch().unwrap();
    writer.wait_for(confirmed + 20).unwrap();
    let committed = writer.stop();
    assert_eq!(Ledger::check(&server).unwrap().lines, committed);

    for damage in [
        "DELETE FROM ledger.log WHERE id = 7",
        "UPDATE ledger.accounts SET balance = balance + 1 WHERE id = 3",
        "UPDATE ledger.accounts SET balance = balance + IF(id = 3, 1, -1) WHERE id IN (3, 4)",
    ] {
        let undamaged = server.query("SELECT * FROM ledger.log WHERE id = 7").unwrap();
        server.execute(&format!("CREATE TABLE ledger.kept AS SELECT * FROM ledger.accounts; {damage};")).unwrap();
        assert!(Ledger::check(&server).is_err(), "not seen: {damage}");
        server.execute("REPLACE INTO ledger.accounts SELECT * FROM ledger.kept; DROP TABLE ledger.kept;").unwrap();
        let values = undamaged[0].join("', '");
        server.execute(&format!("REPLACE INTO ledger.log VALUES ('{values}')")).unwrap();
        Ledger::check(&server).unwrap();
    }
}
