//! Migrations after a restore: applied once each, recorded where the data is, and a service that stays closed without them.

mod surrealdb;

use std::fs;

use bulkhead_test_support::{Account, HostOptions, MariaDb, ServiceEntry};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::crash::scene::LIMITS;
use crate::scene::{DEADLINE, Scene};

const SERVICE: &str = "shop";

/// A procedure needs the client's `DELIMITER`.
const FIRST: &str = "USE shop;\nCREATE TABLE orders (id INT PRIMARY KEY);\n\
    DELIMITER //\nCREATE PROCEDURE ten() BEGIN SELECT 1; SELECT 10; END //\n";
const SECOND: &str = "INSERT INTO shop.orders VALUES (1), (2);\n";
/// Wrong from its third line on.
const WRONG: &str = "-- more\nINSERT INTO shop.orders VALUES (3);\nINSERT INTO shop.nowhere VALUES (1);\n";

/// A service with a directory of migrations.
pub struct Shop {
    // Dropped first: a host must not meet a server that is gone.
    pub scene: Scene,
    pub server: MariaDb,
    pub files: TempDir,
}

impl Shop {
    pub fn start() -> Self {
        let server = MariaDb::start().unwrap();
        let files = tempfile::tempdir().unwrap();
        let mut entry = ServiceEntry::of(SERVICE, &server).account(Account::ADMIN);
        entry.extra = format!("migrations = \"{}\"", files.path().display());
        let extra = format!("{LIMITS}attempts_max = 1\n");
        let scene = Scene::start(HostOptions { services: vec![entry], extra, ..HostOptions::default() });
        Self { scene, server, files }
    }

    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.files.path().join(name), text).unwrap();
    }

    pub fn backup(&self, method: &str) -> String {
        let asked = self.scene.ask(SERVICE, method, None);
        self.scene.succeeds(&asked);
        asked.backup
    }

    /// Asks for a restore and waits for its end.
    pub fn restore(&self, backup: &str) -> Value {
        let asked = self.scene.post("/v1/restores", &json!({"service_id": SERVICE, "id": backup}));
        self.scene.ended(asked["job_id"].as_str().unwrap())
    }

    pub fn restores(&self, backup: &str) {
        let job = self.restore(backup);
        assert_eq!(job["status"], "Succeeded", "{job}\n{}", self.scene.host.log_tail());
    }

    /// What went wrong with a restore that must fail.
    pub fn fails(&self, backup: &str) -> String {
        let job = self.restore(backup);
        assert_eq!(job["status"], "Failed", "{job}");
        job["failure"]["message"].as_str().unwrap().to_owned()
    }

    /// Asks for something at which the host dies, and has the next host end it; its job. The host may be gone before it answers.
    pub fn dies(&mut self, path: &str, body: &Value) -> Value {
        let before = self.newest_job();
        let _gone = self.scene.host.api("POST", path, body);
        self.scene.host.wait_for_exit(DEADLINE).unwrap();
        self.scene.host.launch(&[]).unwrap();
        let job = self.newest_job();
        assert!(job.is_some() && job != before, "nothing was begun");
        self.scene.ended(&job.unwrap())
    }

    fn newest_job(&self) -> Option<String> {
        let jobs = self.scene.get("/v1/jobs?page_size=1");
        let jobs = jobs.get("jobs").unwrap_or(&jobs);
        Some(jobs.get(0)?["id"].as_str()?.to_owned())
    }

    pub fn state(&self) -> Value {
        self.scene.get(&format!("/v1/services/{SERVICE}"))
    }

    /// Numbers of the migrations that the server knows of.
    pub fn recorded(&self) -> Vec<String> {
        let rows = self.server.query("SELECT number FROM bulkhead.migrations ORDER BY number").unwrap();
        rows.into_iter().flatten().collect()
    }

    pub fn orders(&self) -> String {
        self.server.query("SELECT COUNT(*) FROM shop.orders").unwrap()[0][0].clone()
    }
}

#[test]
fn migrations_are_applied_once_each_and_recorded_where_the_data_is() {
    let shop = Shop::start();
    shop.server
        .execute("CREATE DATABASE shop; CREATE TABLE shop.kept (id INT); INSERT INTO shop.kept VALUES (1)")
        .unwrap();
    let before = shop.backup("dump");
    shop.write("0001_orders.sql", FIRST);
    shop.write("0010_first_orders.sql", SECOND);
    shop.restores(&before);
    assert_eq!((shop.recorded(), shop.orders()), (vec!["1".to_owned(), "10".to_owned()], "2".to_owned()));
    let procedure = "SELECT routine_name FROM information_schema.routines WHERE routine_schema = 'shop'";
    assert_eq!(shop.server.query(procedure).unwrap(), [["ten"]]);
    // A backup of now knows what was applied to it; one of before does not, whatever the server knew.
    let after = shop.backup("dump");
    shop.restores(&after);
    assert_eq!((shop.recorded().len(), shop.orders().as_str()), (2, "2"));
    shop.restores(&before);
    assert_eq!((shop.recorded().len(), shop.orders().as_str()), (2, "2"));
    assert_eq!(shop.state()["state"], "open");
}

#[test]
fn a_service_whose_migration_fails_stays_closed_until_a_restore_succeeds() {
    let mut shop = Shop::start();
    shop.server.execute("CREATE DATABASE shop; CREATE TABLE shop.kept (id INT)").unwrap();
    let backup = shop.backup("dump");
    shop.write("1_orders.sql", FIRST);
    shop.write("2_wrong.sql", WRONG);
    let said = shop.fails(&backup);
    assert!(said.contains("migration `2_wrong.sql`, line 3") && said.contains("nowhere"), "{said}");
    let state = shop.state();
    assert_eq!(state["state"], "restoring", "{state}");
    assert!(state["restoring_reason"].as_str().unwrap().contains("`2_wrong.sql`"), "{state}");
    assert!(state["restoring_since"].is_string(), "{state}");

    // Also of a host that was started anew, and nobody makes a backup of it.
    shop.scene.host.kill().unwrap();
    shop.scene.host.launch(&[]).unwrap();
    assert_eq!(shop.state()["state"], "restoring");
    let refused = shop.scene.host.run(&["backup", "create", "--service", SERVICE, "--type", "dump"]).unwrap();
    assert_ne!(refused.code, Some(0));
    assert!(refused.stderr.contains("is restoring"), "{}", refused.stderr);

    shop.write("2_wrong.sql", SECOND);
    shop.restores(&backup);
    assert_eq!((shop.recorded().len(), shop.state()["state"].as_str()), (2, Some("open")));
    let migrated = shop.backup("dump");

    // What was applied does not change any more, does not go, and nothing comes before it.
    for (change, named) in
        [("changed", "`1_orders.sql` is not what was applied"), ("gone", "`1_orders.sql` was applied")]
    {
        match change {
            "changed" => shop.write("1_orders.sql", "SELECT 1;"),
            _ => fs::remove_file(shop.files.path().join("1_orders.sql")).unwrap(),
        }
        let said = shop.fails(&migrated);
        assert!(said.contains(named), "{change}: {said}");
        assert_eq!(shop.state()["state"], "restoring", "{change}");
    }
    shop.write("1_orders.sql", FIRST);
    shop.restores(&migrated);
    assert_eq!(shop.state()["state"], "open");

    // A directory that cannot be read as one is found out before anything is touched.
    shop.server.execute("INSERT INTO shop.orders VALUES (99)").unwrap();
    for (name, words) in [("notes.txt", "`notes.txt` is no name"), ("002_again.sql", "have the same number")] {
        shop.write(name, "");
        let said = shop.fails(&migrated);
        assert!(said.contains(words), "{said}");
        fs::remove_file(shop.files.path().join(name)).unwrap();
    }
    assert_eq!((shop.orders().as_str(), shop.state()["state"].as_str()), ("3", Some("open")), "nothing was touched");
}

#[test]
fn a_directory_that_was_swapped_in_by_a_host_that_died_gets_its_migrations() {
    let mut shop = Shop::start();
    shop.server.execute("CREATE DATABASE shop").unwrap();
    let backup = shop.backup("full");
    shop.write("1_orders.sql", FIRST);
    shop.write("2_orders.sql", SECOND);
    for fail_at in ["restore.swap.answered", "restore.main", "restore.migrated"] {
        shop.server.execute("DROP DATABASE IF EXISTS shop; CREATE DATABASE IF NOT EXISTS gone").unwrap();
        let armed = [("BULKHEAD_FAIL_AT", fail_at), ("BULKHEAD_LIMITS__ATTEMPTS_MAX", "3")];
        shop.scene.host.launch(&armed).unwrap();
        let ended = shop.dies("/v1/restores", &json!({"service_id": SERVICE, "id": backup}));
        assert_eq!(ended["status"], "Succeeded", "{fail_at}: {ended}\n{}", shop.scene.host.log_tail());
        assert_eq!((shop.recorded().len(), shop.orders().as_str()), (2, "2"), "{fail_at}");
        assert!(shop.server.query("SHOW DATABASES LIKE 'gone'").unwrap().is_empty(), "{fail_at}: it was not restored");
        assert_eq!(shop.state()["state"], "open", "{fail_at}");
    }
}
