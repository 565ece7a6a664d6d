//! A main server, a replica and a front door before them.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bulkhead_test_support::bucket::{Answer, Request};
use bulkhead_test_support::{HostOptions, ServiceEntry, SurrealClient, SurrealDb, SurrealSnapshot, Tripwire, process};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::crash::scene::LIMITS;
use crate::scene::{DEADLINE, Scene};

pub const SERVICE: &str = "app";
const NAMESPACE: &str = "sp00ky";
const DATABASE: &str = "main";

/// What the restore brings back: rows with an index, relations, and a function.
const SAVED: &str = "
    DEFINE TABLE note SCHEMAFULL; DEFINE FIELD body ON note TYPE string; DEFINE FIELD number ON note TYPE int;
    DEFINE INDEX by_number ON note FIELDS number UNIQUE;
    DEFINE TABLE cites TYPE RELATION IN note OUT note;
    DEFINE FUNCTION fn::double($n: int) { RETURN $n * 2; };
    FOR $i IN 1..300 { CREATE type::record('note', $i) SET body = 'note ' + <string>$i, number = $i; };
    FOR $i IN 2..100 { LET $one = type::record('note', $i); LET $two = type::record('note', $i - 1); RELATE $one->cites->$two; };";

/// Run after each restore; the record of them stays in the database.
const MIGRATION: &str = "DEFINE TABLE IF NOT EXISTS migrated SCHEMALESS;\nCREATE migrated:one SET times = 1;\n";

pub struct Cluster {
    // Dropped first: a host must not meet servers that are gone.
    pub scene: Scene,
    pub main: Arc<SurrealDb>,
    pub replica: Arc<SurrealDb>,
    /// Before main and replica, as the host reaches them.
    pub before_main: Tripwire,
    pub before_replica: Tripwire,
    pub door: SocketAddr,
    /// What the backup holds.
    pub saved: SurrealSnapshot,
    pub backup: String,
    _migrations: TempDir,
}

impl Cluster {
    /// With a backup of what main holds.
    pub fn start() -> Self {
        let main = Arc::new(SurrealDb::start_on_disk().unwrap());
        let replica = Arc::new(SurrealDb::start_on_disk().unwrap());
        let database = main.at(NAMESPACE, DATABASE);
        database.define().unwrap();
        database.query(SAVED).unwrap();
        let before_main = Tripwire::start(main.address()).unwrap();
        let before_replica = Tripwire::start(replica.address()).unwrap();
        let migrations = tempfile::tempdir().unwrap();
        fs::write(migrations.path().join("0001_migrated.surql"), MIGRATION).unwrap();
        let door = SocketAddr::from((Ipv4Addr::LOCALHOST, process::free_port().unwrap()));
        let mut entry =
            ServiceEntry::at_port(SERVICE, "surrealdb", before_main.address().port()).account(SurrealDb::ROOT);
        entry.extra = format!(
            "namespace = \"{NAMESPACE}\"\ndatabase = \"{DATABASE}\"\nmigrations = \"{}\"\n\n[service.front_door]\nlisten = \"{door}\"\n\
             apply_every = \"50ms\"\n\n[service.front_door.replica]\nhost = \"127.0.0.1\"\nport = {}\nuser = \"root\"\n\
             password_env = \"PASSWORD_OF_ROOT\"\n",
            migrations.path().display(),
            before_replica.address().port(),
        );
        let options = HostOptions {
            services: vec![entry],
            // One try: what a failed restore leaves behind is seen.
            extra: format!("{LIMITS}attempts_max = 1\n"),
            ..HostOptions::default()
        };
        let scene = Scene::start(options);
        let saved = SurrealSnapshot::take(&database).unwrap();
        let asked = scene.ask(SERVICE, "export", None);
        scene.succeeds(&asked);
        let cluster = Self {
            scene,
            main,
            replica,
            before_main,
            before_replica,
            door,
            saved,
            backup: asked.backup,
            _migrations: migrations,
        };
        cluster.opens();
        cluster
    }

    pub fn main(&self) -> SurrealClient {
        self.main.at(NAMESPACE, DATABASE)
    }

    pub fn replica(&self) -> SurrealClient {
        self.replica.at(NAMESPACE, DATABASE)
    }

    /// Asks the front door.
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        let request =
            Request::new("POST", path, body.to_string().as_bytes()).header("content-type", "application/json");
        request.send(self.door).unwrap()
    }

    pub fn status(&self) -> Value {
        serde_json::from_slice(&Request::new("GET", "/status", b"").send(self.door).unwrap().body).unwrap()
    }

    /// Writes a row as a client does: into main, whose event tells the front door.
    pub fn write(&self, number: u32) {
        let sql = format!("UPSERT note:{number} SET body = 'written later', number = {number}");
        self.main().query(&sql).unwrap();
        let record = json!({"id": format!("note:{number}"), "body": "written later", "number": number});
        let event = json!({"table": "note", "op": "CREATE", "id": format!("note:{number}"), "record": record});
        let answer = self.post("/ingest", &event);
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    /// Waits until the front door takes writes.
    pub fn opens(&self) {
        process::wait_until("the front door opens", DEADLINE, || {
            let answer = Request::new("GET", "/status", b"").send(self.door)?;
            let status: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            Ok((status["state"] == "open").then_some(()))
        })
        .unwrap_or_else(|problem| panic!("{problem}\n{}", self.scene.host.log_tail()));
    }

    /// Asks for a restore; its job.
    pub fn restore(&self) -> String {
        let asked = self.scene.post("/v1/restores", &json!({"service_id": SERVICE, "id": self.backup}));
        asked["job_id"].as_str().unwrap().to_owned()
    }

    /// Nothing is taken and nothing is told.
    pub fn is_shut(&self, what: &str) {
        let event = json!({"table": "note", "op": "DELETE", "id": "note:nobody", "record": {}});
        let query = json!({"query": "SELECT * FROM note"});
        let processor = json!({"ssp_id": "late", "url": "http://127.0.0.1:9", "version": "1"});
        for (path, body) in [("/ingest", &event), ("/proxy/query", &query), ("/ssp/register", &processor)] {
            let answer = self.post(path, body);
            assert_eq!(answer.status, 503, "{what}: {path}: {}", answer.text());
        }
        let service = self.scene.get(&format!("/v1/services/{SERVICE}"));
        assert_eq!(service["state"], "restoring", "{what}: {service}");
    }

    /// Half of the data is no backup, and must not push out good ones.
    pub fn refuses_backups(&self, what: &str) {
        let body = json!({"service_id": SERVICE, "backup_type": "export", "schedule": "once"});
        let answer = self.scene.host.api("POST", "/v1/backups/schedules", &body).unwrap();
        assert_eq!(answer.status, 409, "{what}: {}", answer.body);
        assert!(answer.body.contains("restoring"), "{what}: {}", answer.body);
    }

    /// Main and replica hold what was saved and what the migrations made, and the same.
    pub fn is_restored(&self, what: &str) {
        self.opens();
        let [main, replica] = [self.main(), self.replica()].map(|client| SurrealSnapshot::take(&client).unwrap());
        let lost: Vec<String> = self.saved.compare(&main).into_iter().filter(|line| !of_migrations(line)).collect();
        assert!(lost.is_empty(), "{what}: {lost:#?}");
        let apart: Vec<String> =
            main.compare(&replica).into_iter().filter(|line| !line.contains("bulkhead_migration")).collect();
        assert!(apart.is_empty(), "{what}: main and replica: {apart:#?}");
        for client in [self.main(), self.replica()] {
            assert_eq!(client.value("SELECT VALUE times FROM migrated:one").unwrap(), json!([1]), "{what}");
        }
        let service = self.scene.get(&format!("/v1/services/{SERVICE}"));
        assert_eq!(service["state"], "open", "{what}: {service}");
    }
}

fn of_migrations(line: &str) -> bool {
    line.contains("migrated") || line.contains("bulkhead_migration")
}
