//! A service of each engine, and a host that looks after both.

use std::fs;

use bulkhead_test_support::{Account, BulkheadHost, HostOptions, MariaDb, ServiceEntry, SurrealClient, SurrealDb};
use serde_json::Value;
use tempfile::TempDir;

use super::pty::{Ended, Terminal};

/// What the migrations make, and what is written besides.
pub const NOTES: &str = "CREATE note:1 SET text = 'first'; CREATE note:2 SET text = 'second';";

/// A host with the SurrealDB service `notes`.
pub struct World {
    pub host: BulkheadHost,
    pub server: SurrealDb,
    _migrations: TempDir,
}

impl World {
    /// With these sections of configuration besides.
    pub fn start(extra: &str) -> Self {
        let server = SurrealDb::start().unwrap();
        let migrations = tempfile::Builder::new().prefix("bulkhead-migrations-").tempdir().unwrap();
        let first = "DEFINE TABLE IF NOT EXISTS note SCHEMALESS;\nCREATE setting:made SET by = 'migration';\n";
        fs::write(migrations.path().join("0001_notes.surql"), first).unwrap();
        let mut service = ServiceEntry::surrealdb("notes", &server);
        service.extra = format!(
            "namespace = \"app\"\ndatabase = \"main\"\nmigrations = {}",
            Value::from(migrations.path().to_string_lossy())
        );
        let options = HostOptions { services: vec![service], extra: extra.to_owned(), ..HostOptions::default() };
        let host = BulkheadHost::start(options).unwrap();
        let world = Self { host, server, _migrations: migrations };
        world.database().define().unwrap();
        world.database().query(NOTES).unwrap();
        world
    }

    /// Straight into the database.
    pub fn database(&self) -> SurrealClient {
        self.server.at("app", "main")
    }

    /// The texts of the notes, and whether the migration has run.
    pub fn holds(&self) -> (Value, bool) {
        let answers =
            self.database().answers("SELECT VALUE text FROM note; SELECT VALUE by FROM setting:made").unwrap();
        (answers[0]["result"].clone(), answers[1]["result"][0] == "migration")
    }
}

/// A host with the MariaDB service `shop`, which may be written to.
pub fn mariadb() -> (BulkheadHost, MariaDb) {
    let server = MariaDb::start().unwrap();
    server.execute("CREATE DATABASE shop; CREATE TABLE shop.items (id INT PRIMARY KEY); INSERT INTO shop.items VALUES (1), (2)").unwrap();
    let service = ServiceEntry::of("shop", &server).account(Account::ADMIN);
    let host = BulkheadHost::start(HostOptions { services: vec![service], ..HostOptions::default() }).unwrap();
    (host, server)
}

/// A command at a terminal that asks nothing, to its end.
pub fn at_terminal(host: &BulkheadHost, arguments: &[&str]) -> Ended {
    Terminal::run(host, &[], arguments).ends()
}

/// The same, which must succeed; gives what the screen shows.
pub fn shows(host: &BulkheadHost, arguments: &[&str]) -> String {
    let ended = at_terminal(host, arguments);
    assert_eq!(ended.code, 0, "{arguments:?}: {}", ended.screen);
    ended.screen
}

/// The phases that a screen shows, in their order.
pub fn phases(screen: &str) -> Vec<&str> {
    let lines = screen.lines().filter_map(|line| line.strip_prefix("  [")?.split_once("s] "));
    lines.map(|(_, phase)| phase).collect()
}
