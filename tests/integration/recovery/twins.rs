//! Servers that are not set as the host's own would be: what a statement meant there, it means in a restore.

use bulkhead_test_support::{Account, BulkheadHost, HostOptions, MariaDb, MariaDbOptions, ServiceEntry};

use super::scene::{SHOP, next_second};

/// A table, and what is asked of it: the same before and after.
const STATE: &str = "SET STATEMENT group_concat_max_len = 100000 FOR
    SELECT GROUP_CONCAT(CONCAT_WS('|', id, what, at, seen, number) ORDER BY id SEPARATOR ' / ') FROM d.t";

struct Twins {
    server: MariaDb,
    host: BulkheadHost,
}

impl Twins {
    fn start(zone: &'static str, arguments: &[&str], layout: &[&str]) -> Self {
        let server = MariaDb::start_with(&MariaDbOptions {
            zone: Some(zone),
            arguments: arguments.iter().map(ToString::to_string).collect(),
            layout: layout.iter().map(ToString::to_string).collect(),
            ..MariaDbOptions::default()
        })
        .unwrap();
        let entry = ServiceEntry::of(SHOP, &server).account(Account::ADMIN);
        let host = BulkheadHost::start(HostOptions { services: vec![entry], ..HostOptions::default() }).unwrap();
        Self { server, host }
    }

    /// Restores to a second after everything that was written, and compares.
    fn comes_back(&self, base: &str) {
        let state = self.server.value(STATE).unwrap();
        next_second(&self.server);
        let moment = next_second(&self.server);
        next_second(&self.server);
        self.host.backup(SHOP, "binarylog").unwrap();
        self.server.execute("DROP DATABASE d").unwrap();
        let restore = ["backup", "restore", base, "--point-in-time", &moment, "--no-safety-backup", "--wait"];
        self.host.json(&restore).unwrap_or_else(|problem| panic!("{problem}\n{}", self.host.log_tail()));
        assert_eq!(self.server.value(STATE).unwrap(), state);
    }
}

const WRITES: &str = "
    INSERT INTO d.t (what, seen) VALUES ('default', NOW());
    INSERT INTO d.t (what, seen) VALUES ('unix', FROM_UNIXTIME(1719835200));
    SET time_zone = 'Asia/Tokyo';
    INSERT INTO d.t (what, seen) VALUES ('named', NOW());
    SET time_zone = '-03:30';
    INSERT INTO d.t (what, seen) VALUES ('offset', NOW());
    SET time_zone = DEFAULT;
    INSERT INTO d.t (what, seen, number) SELECT 'settings', GROUP_CONCAT(what ORDER BY id), 1/7 FROM d.t;
    UPDATE d.t SET what = CONCAT(what, ', late') WHERE stamp > '2024-07-01 13:00:00';";

fn history(server: &MariaDb) {
    server
        .execute(
            "CREATE DATABASE d; CREATE TABLE d.t (id INT AUTO_INCREMENT PRIMARY KEY, what VARCHAR(100), seen VARCHAR(200),
             at DATETIME DEFAULT CURRENT_TIMESTAMP, stamp TIMESTAMP NULL, number DECIMAL(20, 15) DEFAULT 0);
             INSERT INTO d.t (what, stamp) VALUES ('one', FROM_UNIXTIME(1719831600)), ('two', FROM_UNIXTIME(1719838800))",
        )
        .unwrap();
}

/// Two kinds of base, statements in the log, a server in another zone with settings of its own.
fn statements_come_back_from_every_base(zone: &'static str) {
    let arguments =
        ["--binlog-format=STATEMENT", "--group-concat-max-len=16", "--div-precision-increment=9", "--sql-mode="];
    let twins = Twins::start(zone, &arguments, &[]);
    twins.server.load_time_zones().unwrap();
    for base in ["full", "dump"] {
        history(&twins.server);
        let base = twins.host.backup(SHOP, base).unwrap();
        twins.server.execute(WRITES).unwrap();
        twins.comes_back(&base);
        assert_eq!(
            twins.server.value("SELECT CONVERT_TZ('2030-01-01', 'UTC', 'Europe/Berlin') IS NOT NULL").unwrap(),
            "1"
        );
        twins.server.execute("DROP DATABASE d").unwrap();
    }
}

#[test]
fn statements_of_a_server_in_berlin_come_back_as_they_ran() {
    statements_come_back_from_every_base("Europe/Berlin");
}

#[test]
fn statements_of_a_server_in_kolkata_come_back_as_they_ran() {
    statements_come_back_from_every_base("Asia/Kolkata");
}

/// What is newly made has to be opened by the server that it is for.
#[test]
fn a_dump_becomes_a_directory_that_a_server_of_another_layout_opens() {
    let layout = ["--innodb-page-size=32k", "--innodb-data-file-path=ibdata1:64M:autoextend"];
    let twins = Twins::start("America/New_York", &[], &layout);
    history(&twins.server);
    let base = twins.host.backup(SHOP, "dump").unwrap();
    twins.server.execute("INSERT INTO d.t (what) VALUES ('later')").unwrap();
    twins.comes_back(&base);
    assert_eq!(twins.server.value("SELECT @@innodb_page_size").unwrap(), "32768");
}
