//! The same on SurrealDB, seen at a reset, which needs no backup.

use std::fs;

use bulkhead_test_support::{HostOptions, ServiceEntry, SurrealClient, SurrealDb};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::crash::scene::LIMITS;
use crate::scene::Scene;

const SERVICE: &str = "app";

struct App {
    scene: Scene,
    server: SurrealDb,
    files: TempDir,
}

impl App {
    fn start() -> Self {
        let server = SurrealDb::start().unwrap();
        let files = tempfile::tempdir().unwrap();
        let mut entry = ServiceEntry::surrealdb(SERVICE, &server);
        entry.extra = format!("namespace = \"app\"\ndatabase = \"main\"\nmigrations = \"{}\"", files.path().display());
        let extra = format!("{LIMITS}attempts_max = 1\n");
        let scene = Scene::start(HostOptions { services: vec![entry], extra, ..HostOptions::default() });
        server.at("app", "main").define().unwrap();
        Self { scene, server, files }
    }

    fn database(&self) -> SurrealClient {
        self.server.at("app", "main")
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.files.path().join(name), text).unwrap();
    }

    fn reset(&self) -> Value {
        let asked = self.scene.post(&format!("/v1/services/{SERVICE}/reset"), &json!({"backup": false}));
        self.scene.ended(asked["id"].as_str().unwrap())
    }

    fn resets(&self) {
        let job = self.reset();
        assert_eq!(job["status"], "Succeeded", "{job}\n{}", self.scene.host.log_tail());
    }

    fn recorded(&self) -> Value {
        self.database().value("SELECT VALUE record::id(id) FROM bulkhead_migration ORDER BY id").unwrap()
    }
}

#[test]
fn a_file_is_one_transaction_and_its_failure_names_the_statement() {
    let app = App::start();
    app.write("0001_schema.surql", "DEFINE TABLE person SCHEMAFULL;\nDEFINE FIELD name ON person TYPE string;\nCREATE person:ann SET name = 'Ann; \\'A\\'';\n");
    app.write("0002_own.surql", "BEGIN;\nCREATE person:bob SET name = 'Bob';\nCOMMIT;");
    app.resets();
    assert_eq!(app.recorded(), json!([1, 2]));
    assert_eq!(
        app.database().value("SELECT VALUE name FROM person ORDER BY name").unwrap(),
        json!(["Ann; 'A'", "Bob"])
    );

    for (text, at) in [
        // Statements within a block are part of it; comments and strings hide semicolons.
        (
            "CREATE person:eve SET name = 'Eve;'; -- a;b\n{ LET $a = 1; $a };\n  CREATE person:ann SET name = 'again';\nCREATE person:x SET name = 'x';",
            ", statement 3 at line 3, column 3: ",
        ),
        ("CREATE person:eve SET name = 'Eve';\nCREATE person:dan SET\n  name = ;", ", line 3, column 10: "),
        ("CREATE person:eve SET name = 'Eve';\nCREATE person:dan SET name = 'Dan", ", line 2, column 30: "),
    ] {
        app.write("0003_wrong.surql", text);
        let job = app.reset();
        assert_eq!(job["status"], "Failed", "{job}");
        let said = job["failure"]["message"].as_str().unwrap();
        assert!(said.starts_with(&format!("migration `0003_wrong.surql`{at}")), "{said}");
        // What came before is there, of the file that failed nothing, and the service says so.
        assert_eq!(app.recorded(), json!([1, 2]), "{said}");
        assert_eq!(app.database().value("SELECT VALUE id FROM person:eve").unwrap(), json!([]), "{said}");
        let state = app.scene.get(&format!("/v1/services/{SERVICE}"));
        assert_eq!(state["state"], "restoring", "{state}");
    }
    app.write("0003_wrong.surql", "CREATE person:eve SET name = 'Eve'");
    app.resets();
    assert_eq!(app.recorded(), json!([1, 2, 3]));
    assert_eq!(app.scene.get(&format!("/v1/services/{SERVICE}"))["state"], "open");
}
