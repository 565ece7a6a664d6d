//! A server with two known states, backups of the first, and a host whose tools can be told how to behave.

use std::process::Stdio;
use std::time::Duration;

use bulkhead_test_support::dataset::{self, Scale};
use bulkhead_test_support::{
    Account, BulkheadHost, HostOptions, MariaDb, ServiceEntry, Session, Snapshot, StandIn, process,
};
use serde_json::Value;

pub const SERVICE: &str = "shop";
/// The same server, of which the host knows no more than its address.
pub const PLAIN: &str = "plain";

/// On a busy machine; what is waited for takes seconds.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// What differs between the two states lies in one database, which holds a table outside InnoDB, too.
const SAVED: &str = "DROP DATABASE IF EXISTS crash; CREATE DATABASE crash; USE crash;
    CREATE TABLE crash.marker (word VARCHAR(20) PRIMARY KEY); INSERT INTO crash.marker VALUES ('saved');
    CREATE TABLE crash.old (id INT PRIMARY KEY, body TEXT); INSERT INTO crash.old SELECT seq, SHA1(seq) FROM seq_1_to_2000;
    CREATE TABLE crash.aria (id INT PRIMARY KEY) ENGINE = Aria; INSERT INTO crash.aria VALUES (1);";
const LIVE: &str = "DROP DATABASE IF EXISTS crash; CREATE DATABASE crash; USE crash;
    CREATE TABLE crash.marker (word VARCHAR(20) PRIMARY KEY); INSERT INTO crash.marker VALUES ('live');
    CREATE TABLE crash.new (id INT PRIMARY KEY, body TEXT); INSERT INTO crash.new SELECT seq, MD5(seq) FROM seq_1_to_3000;";

/// Short waits, no grace: a host at rest has cleared up within seconds.
pub const LIMITS: &str = "[limits]\nlease = \"20s\"\nheartbeat = \"200ms\"\npoll = \"200ms\"\nretry_after = \"100ms\"\n\
    sweep_grace = \"0s\"\nsweep_every = \"500ms\"\n";

/// Another target, in the host's own directory.
const OFFSITE: &str = "[[target]]\nid = \"offsite\"\nplugin = \"filesystem\"\nconfig = { root = \"offsite\" }\n\n";

/// The server holds `live`; the backups hold `saved`.
pub struct Scene {
    // Dropped first: a host must not meet a server that is gone.
    pub host: BulkheadHost,
    pub server: MariaDb,
    /// `mbstream`, `mariadb-backup`, `mariadb-dump` and `mariadb`.
    pub unpack: StandIn,
    pub tool: StandIn,
    pub dumper: StandIn,
    pub client: StandIn,
    start: StandIn,
    pub saved: Snapshot,
    pub live: Snapshot,
    pub full: String,
    pub dump: String,
}

impl Scene {
    /// With a backup by each method.
    pub fn set() -> Self {
        let server = MariaDb::start().unwrap();
        dataset::load(&server, Scale::Small).unwrap();
        server.execute(SAVED).unwrap();
        let saved = Snapshot::take(&server).unwrap();
        let unpack = StandIn::for_tool("mbstream").unwrap();
        let tool = StandIn::for_tool("mariadb-backup").unwrap();
        let dumper = StandIn::for_tool("mariadb-dump").unwrap();
        let client = StandIn::for_tool("mariadb").unwrap();
        let start = StandIn::of("start", server.start_command().remove(0).into()).unwrap();
        let mut swapped = ServiceEntry::of(SERVICE, &server)
            .account(Account::ADMIN)
            .started_by(vec![start.path().to_string_lossy().into_owned()]);
        // Logs continue its dumps, although there is a table outside InnoDB.
        swapped.extra = "methods.dump = { lock_tables = \"auto\" }".to_owned();
        let host = BulkheadHost::start(HostOptions {
            services: vec![swapped, ServiceEntry::of(PLAIN, &server).account(Account::ADMIN).without_swap()],
            extra: [LIMITS, OFFSITE, &unpack.toml(), &tool.toml(), &dumper.toml(), &client.toml()].concat(),
            ..HostOptions::default()
        })
        .unwrap();
        let full = host.backup(SERVICE, "full").unwrap();
        let dump = host.backup(SERVICE, "dump").unwrap();
        server.execute(LIVE).unwrap();
        let live = Snapshot::take(&server).unwrap();
        assert!(!saved.compare(&live).is_empty(), "the states do not differ: nothing would be proved");
        Self { host, server, unpack, tool, dumper, client, start, saved, live, full, dump }
    }

    /// Where the other target keeps its objects.
    pub fn offsite(&self) -> std::path::PathBuf {
        self.host.dir().join("offsite")
    }

    /// The backup by a method.
    pub fn backup_by(&self, method: &str) -> &str {
        if method == "full" { &self.full } else { &self.dump }
    }

    /// Brings the server from either state to `live`.
    pub fn go_live(&self) {
        self.server.execute(LIVE).unwrap();
    }

    /// Fails the next start of the server, and no other.
    pub fn break_next_start(&self) {
        let broken = self.start.dir().join("broken");
        std::fs::write(&broken, "").unwrap();
        let broken = broken.display();
        self.start.behave(&format!("if [ -e {broken} ]; then rm {broken}; echo 'no start' >&2; exit 1; fi")).unwrap();
    }

    /// Gives an order to a host that is armed with a fail point, waits until it has died there, and lets the next host take over.
    pub fn die_at(&mut self, fail_at: &str, attempts: u32, order: &[&str]) {
        let attempts = attempts.to_string();
        self.host.launch(&[("BULKHEAD_FAIL_AT", fail_at), ("BULKHEAD_LIMITS__ATTEMPTS_MAX", &attempts)]).unwrap();
        let mut client = self.order(order);
        let code = self.host.wait_for_exit(PATIENCE);
        let _ = client.kill();
        client.wait().unwrap();
        let code = code.unwrap_or_else(|problem| panic!("{fail_at}: {problem}\n{}", self.host.log_tail()));
        assert_eq!(code, None, "{fail_at}: the host was not killed: {}", self.host.log_tail());
        self.come_back();
    }

    /// The command runs until the host answers; it may never.
    pub fn order(&self, arguments: &[&str]) -> std::process::Child {
        let token = self.host.token("acme", "administrator").unwrap();
        let mut client = self.host.client(arguments);
        client.env("BULKHEAD_TOKEN", token).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// `kill -9` from outside; the order that was under way goes with it.
    pub fn kill(&mut self, mut client: std::process::Child) {
        self.host.kill().unwrap();
        let _ = client.kill();
        client.wait().unwrap();
    }

    /// The next host, after a look that no tool has outlived the last one.
    pub fn come_back(&mut self) {
        process::wait_until("the dead host's tools are gone", Duration::from_secs(10), || {
            Ok(self.host.tools().is_empty().then_some(()))
        })
        .unwrap_or_else(|problem| panic!("{problem}: {:?}", self.host.tools()));
        self.host.launch(&[]).unwrap();
    }

    /// The newest restore.
    pub fn newest_restore(&self) -> Option<Value> {
        self.newest_restore_of(SERVICE)
    }

    /// The newest restore of one of the two services.
    pub fn newest_restore_of(&self, service: &str) -> Option<Value> {
        let list = self.host.json(&["restore", "list", "--service", service]).unwrap();
        rows(&list, "restores").first().cloned()
    }

    /// Waits until every backup and every restore that the host knows has come to an end.
    pub fn settle(&self, what: &str) {
        process::wait_until("no job is left waiting or running", PATIENCE, || {
            let mut words = Vec::new();
            for service in [SERVICE, PLAIN] {
                words.extend(rows(&self.host.json(&["backup", "list", "--service", service])?, "backups"));
                words.extend(rows(&self.host.json(&["restore", "list", "--service", service])?, "restores"));
            }
            let mut words = words.into_iter();
            let ended = words.all(|row| matches!(row["status"].as_str(), Some("Succeeded" | "Failed" | "Cancelled")));
            Ok(ended.then_some(()))
        })
        .unwrap_or_else(|problem| panic!("{what}: {problem}\n{}", self.host.log_tail()));
    }

    /// What `bulkhead backup show` says, by id or name.
    pub fn backup(&self, reference: &str) -> Value {
        self.host.json(&["backup", "show", reference]).unwrap()
    }

    /// Checks every stored byte.
    pub fn verify(&self, reference: &str, what: &str) {
        let verified = self.host.run(&["backup", "verify", reference]).unwrap().ok();
        verified.unwrap_or_else(|problem| panic!("{what}: {problem}"));
    }

    /// The server answers, and holds this state and no other.
    pub fn assert_holds(&self, state: &Snapshot, what: &str) {
        assert!(self.server.answers(), "{what}: the server does not answer\n{}", self.server.log_tail());
        let differences = state.compare(&Snapshot::take(&self.server).unwrap());
        let shown: Vec<String> = differences.iter().map(ToString::to_string).collect();
        assert!(shown.is_empty(), "{what}: {}\n{}", shown.join("\n"), self.host.log_tail());
    }

    /// Nothing lies anywhere that is of no use.
    pub fn assert_clean(&self, what: &str) {
        self.host.wait_until_clean(&[&self.server], PATIENCE).unwrap_or_else(|problem| panic!("{what}: {problem}"));
    }

    /// A dump that was not loaded to its end into a running server leaves its service closed, whatever it came to: no backup is
    /// made, until a restore succeeds.
    pub fn open_again(&self) {
        let refused = self.host.run(&["backup", "create", "--service", PLAIN, "--type", "dump"]).unwrap();
        assert!(refused.code == Some(1) && refused.stderr.contains("is restoring"), "{refused:?}");
        self.host.run(&["backup", "restore", &self.dump, "--to", PLAIN, "--wait"]).unwrap().ok().unwrap();
        self.host.run(&["backup", "create", "--service", PLAIN, "--type", "dump", "--wait"]).unwrap().ok().unwrap();
    }

    /// A backup of now, destruction, and its restore: whatever happened before, this works.
    pub fn prove_it_works(&self) {
        for method in ["full", "dump"] {
            let before = Snapshot::take(&self.server).unwrap();
            let id = self.host.backup(SERVICE, method).unwrap();
            self.server.execute("DROP DATABASE crash; DROP DATABASE shop").unwrap();
            self.host.restore(&id, SERVICE).unwrap();
            self.assert_holds(&before, &format!("a later {method}"));
        }
        self.assert_clean("at the end");
    }

    /// Holds a lock until the session is dropped.
    pub fn lock(&self, statement: &str) -> Session {
        let mut session = Session::open(&self.server).unwrap();
        session.query(statement).unwrap();
        session
    }

    /// Waits until somebody waits for a lock.
    pub fn wait_for_waiter(&self, state: &str) {
        let query = format!("SELECT COUNT(*) FROM information_schema.processlist WHERE state LIKE '{state}'");
        process::wait_until("somebody waits for the lock", PATIENCE, || {
            Ok((self.server.value(&query)? != "0").then_some(()))
        })
        .unwrap_or_else(|problem| panic!("{problem}\n{}", self.host.log_tail()));
    }

    /// The job of the backup or restore that is listed first; the newest.
    pub fn newest_job(&self, noun: &str) -> Option<String> {
        let list = self.host.json(&[noun, "list"]).unwrap();
        rows(&list, &format!("{noun}s")).first().and_then(|row| row["job_id"].as_str().map(str::to_owned))
    }

    /// Waits until a job newer than `before` has moved bytes.
    pub fn wait_for_bytes(&self, noun: &str, before: Option<&String>) {
        process::wait_until("the stream runs", PATIENCE, || {
            let Some(job) = self.newest_job(noun).filter(|job| Some(job) != before) else { return Ok(None) };
            let shown = self.host.json(&["job", "show", &job])?;
            Ok((shown["plain_bytes"].as_u64() > Some(0)).then_some(()))
        })
        .unwrap_or_else(|problem| panic!("{problem}\n{}", self.host.log_tail()));
    }
}

/// The rows of an answer that is a list or holds one.
pub fn rows(answer: &Value, key: &str) -> Vec<Value> {
    answer.as_array().or_else(|| answer[key].as_array()).cloned().unwrap_or_default()
}
