//! Functions and triggers that a server with a binary log does not let in: found out before anything is dropped.

use bulkhead_test_support::{Account, HostOptions, MariaDb, ServiceEntry};

use crate::scene::Scene;

const APP: &str = "SET GLOBAL log_bin_trust_function_creators = 1;
    CREATE DATABASE app; CREATE TABLE app.t (id INT PRIMARY KEY); INSERT INTO app.t VALUES (1), (2);
    CREATE FUNCTION app.dice() RETURNS INT RETURN 1 + FLOOR(RAND() * 6);
    CREATE TRIGGER app.tr BEFORE INSERT ON app.t FOR EACH ROW SET @a = 1;
    CREATE DATABASE zoo; CREATE TABLE zoo.t (id INT PRIMARY KEY); INSERT INTO zoo.t VALUES (1);
    SET GLOBAL log_bin_trust_function_creators = 0;";

/// May do all that a restore of a dump asks for, and no more.
const LIMITED: Account = Account { user: "limited", password: "li'mited" };
const RIGHTS: &str =
    "SELECT, INSERT, CREATE, DROP, ALTER, INDEX, REFERENCES, LOCK TABLES, CREATE VIEW, CREATE ROUTINE, ALTER ROUTINE,
    TRIGGER, EVENT, SET USER, CREATE USER, RELOAD, UPDATE, DELETE, PROCESS, BINLOG MONITOR, SHOW VIEW";

#[test]
fn a_dump_with_functions_that_the_server_refuses_is_refused_before_the_first_drop() {
    let server = MariaDb::start().unwrap();
    server.execute(APP).unwrap();
    server
        .execute(&format!(
            "CREATE USER limited@'%' IDENTIFIED BY 'li''mited'; GRANT {RIGHTS} ON *.* TO limited@'%' WITH GRANT OPTION"
        ))
        .unwrap();
    // Neither has a data directory that could be swapped: dumps are loaded as the server runs.
    let live = |id: &str, account| ServiceEntry::at_port(id, "mariadb", server.port()).account(account);
    // Nobody can grant more than they have: accounts are left alone.
    let mut modest = live("modest", LIMITED);
    modest.extra = "methods.dump = { users = false }".to_owned();
    let scene =
        Scene::start(HostOptions { services: vec![live("shop", Account::ADMIN), modest], ..HostOptions::default() });
    let shown = |id: &str| scene.host.json(&["backup", "show", id]).unwrap();
    let dump = scene.host.backup("shop", "dump").unwrap();
    let positions = shown(&dump)["positions"].clone();
    assert_eq!((&positions["functions.unsafe"], &positions["triggers"]), (&"app.dice".into(), &"1".into()));
    server.execute("INSERT INTO zoo.t VALUES (2)").unwrap();
    let gtid = server.value("SELECT @@gtid_binlog_pos").unwrap();
    let refused = |backup: &str, service: &str, words: &[&str]| {
        let output =
            scene.host.run(&["backup", "restore", backup, "--to", service, "--no-safety-backup", "--wait"]).unwrap();
        assert_ne!(output.code, Some(0), "{}", output.stdout);
        for word in words {
            assert!(output.stderr.contains(word), "`{word}` is not in: {}", output.stderr);
        }
        assert_eq!(server.value("SELECT @@gtid_binlog_pos").unwrap(), gtid);
        // It is open: a backup of it can be made.
        scene.host.backup(service, "dump").unwrap();
    };
    refused(&dump, "shop", &["app.dice", "1418", "log_bin_trust_function_creators"]);
    let part =
        ["backup", "restore", &dump, "--database", "app", "--as-database", "copy", "--no-safety-backup", "--wait"];
    let output = scene.host.run(&part).unwrap();
    assert!(output.code != Some(0) && output.stderr.contains("app.dice"), "{output:?}");

    // Without that function the server takes the trigger from who has SUPER, and from nobody else.
    server.execute("DROP FUNCTION app.dice").unwrap();
    let gtid = server.value("SELECT @@gtid_binlog_pos").unwrap();
    let dump = scene.host.backup("shop", "dump").unwrap();
    let output =
        scene.host.run(&["backup", "restore", &dump, "--to", "modest", "--no-safety-backup", "--wait"]).unwrap();
    assert!(output.code != Some(0) && output.stderr.contains("1 triggers"), "{output:?}");
    assert!(output.stderr.contains("SUPER"), "{output:?}");
    assert_eq!(server.value("SELECT @@gtid_binlog_pos").unwrap(), gtid);
    scene.host.restore(&dump, "shop").unwrap();
    assert_eq!(server.value("SELECT COUNT(*) FROM zoo.t").unwrap(), "2");
    // The very rights that a refusal lists are enough where the server asks for no more.
    server.execute("SET GLOBAL log_bin_trust_function_creators = 1").unwrap();
    scene.host.restore(&dump, "modest").unwrap();
    assert_eq!(server.value("SELECT COUNT(*) FROM app.t").unwrap(), "2");

    // A server that logs statements alone sets no sequence.
    server.execute("SET GLOBAL binlog_format = 'MIXED'").unwrap();
    server.execute("CREATE SEQUENCE app.s").unwrap();
    let dump = scene.host.backup("shop", "dump").unwrap();
    server.execute("SET GLOBAL binlog_format = 'STATEMENT'").unwrap();
    let gtid = server.value("SELECT @@gtid_binlog_pos").unwrap();
    let output = scene.host.run(&["backup", "restore", &dump, "--to", "shop", "--no-safety-backup", "--wait"]).unwrap();
    assert!(output.code != Some(0) && output.stderr.contains("1 sequences"), "{output:?}");
    assert!(output.stderr.contains("binlog_format"), "{output:?}");
    assert_eq!(server.value("SELECT @@gtid_binlog_pos").unwrap(), gtid);
}
