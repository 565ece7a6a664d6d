//! Servers that say yes to what they did not do, and wrong places and words: never a backup, never a restore that succeeded.

use std::time::Duration;

use bulkhead_test_support::{
    Account, BulkheadHost, Liar, Lie, ServiceEntry, SurrealClient, SurrealDb, SurrealSnapshot,
};
use serde_json::Value;

use super::{equal, host, service, within};

/// Small enough for several servers, with something to lose in each place.
const DATA: &str = "
    DEFINE TABLE first SCHEMALESS; DEFINE INDEX number ON first FIELDS number UNIQUE; DEFINE TABLE last SCHEMALESS;
    FOR $n IN 1..=30 { CREATE type::record('first', $n) SET number = $n, text = 'one; two -- three' };
    FOR $n IN 1..=30 { CREATE type::record('last', $n) SET text = 'x' };
";

fn loaded(server: &SurrealDb) -> SurrealClient {
    let client = server.at("app", "main");
    client.define().unwrap();
    client.query(DATA).unwrap();
    client
}

fn through(id: &str, liar: &Liar) -> ServiceEntry {
    let entry = ServiceEntry::at_port(id, "surrealdb", liar.port()).account(SurrealDb::ROOT);
    within(entry, Some("app"), Some("main"))
}

/// Asks for a backup that fails, and gives what is said of it.
fn no_backup(host: &BulkheadHost, service: &str) -> String {
    let asked = host.json(&["backup", "create", "--service", service, "--type", "export"]).unwrap();
    let [backup, job] = ["id", "job_id"].map(|key| asked[key].as_str().unwrap());
    let ended = host.wait_for("backup", backup, Duration::from_secs(300)).unwrap();
    assert_eq!(ended["status"], "Failed", "{service}: {ended}");
    let job = host.api("GET", &format!("/v1/jobs/{job}"), &Value::Null).unwrap();
    job.json().unwrap()["failure"]["message"].as_str().unwrap().to_owned()
}

#[test]
fn an_export_that_misses_something_is_no_backup() {
    let server = SurrealDb::start().unwrap();
    loaded(&server);
    let lies = [
        (Lie::EndsExportEarly, "table last: 0 records here, 30 there"),
        (Lie::CutsExport, "ends early"),
        (Lie::BreaksExportOff, "broke"),
        (Lie::LeavesRecordsOut, "table first: 0 records here, 30 there"),
        (Lie::LeavesIndexOut, "INDEX: 0 definitions here, 1 there"),
        (Lie::ExportsNothing, "exported nothing"),
        (Lie::ExportsAnotherThing, "export"),
        (Lie::IsVersion("1.5.6"), "1.5.6"),
        // Its count alone could be right: the table moves by as many records as are missing.
        (Lie::LosesTheLastOfABusyTable, "table last: the export ends before the end of it"),
    ];
    let liars: Vec<_> = lies.iter().map(|(lie, _)| Liar::start(server.address(), *lie).unwrap()).collect();
    let id = |at: usize| format!("liar{at}");
    let services = liars.iter().enumerate().map(|(at, liar)| through(&id(at), liar)).collect();
    let host = BulkheadHost::start(bulkhead_test_support::HostOptions {
        services,
        extra: "[limits]\nattempts_max = 1\n".to_owned(),
        ..Default::default()
    })
    .unwrap();
    for (at, (lie, words)) in lies.iter().enumerate() {
        let said = no_backup(&host, &id(at));
        assert!(said.contains(words), "{lie:?}: {said}");
    }
}

#[test]
fn an_import_that_did_half_is_no_restore() {
    let server = SurrealDb::start().unwrap();
    let client = loaded(&server);
    let before = SurrealSnapshot::take(&client).unwrap();
    let liar = Liar::start(server.address(), Lie::ForgetsRecords).unwrap();
    let host = host(vec![service("true", &server, Some("app"), Some("main")), through("false", &liar)]);
    let id = host.backup("true", "export").unwrap();
    let arguments = ["backup", "restore", &id, "--to", "false", "--no-safety-backup", "--wait"];
    let output = host.run(&arguments).unwrap();
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(output.stderr.contains("does not hold what the backup does"), "{output:?}");
    // The way out is a restore that succeeds.
    host.restore(&id, "true").unwrap();
    equal(&before, &SurrealSnapshot::take(&client).unwrap());
}

#[test]
fn wrong_places_and_words_are_named() {
    let server = SurrealDb::start().unwrap();
    let client = loaded(&server);
    server.root().query("USE NS app DB main; DEFINE USER reader ON DATABASE PASSWORD 'word' ROLES VIEWER").unwrap();
    let stranger = Account { user: "stranger", password: "another word" };
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let of = |id: &str, namespace: &str, database: &str| service(id, &server, Some(namespace), Some(database));
    let away = ServiceEntry::at_port("away", "surrealdb", nobody).account(SurrealDb::ROOT);
    let mut reader = of("reader", "app", "main").account(Account { user: "reader", password: "word" });
    reader.extra.push_str("login = \"database\"\n");
    let host = BulkheadHost::start(bulkhead_test_support::HostOptions {
        services: vec![
            of("good", "app", "main"),
            of("namespace", "nowhere", "main"),
            of("database", "app", "nowhere"),
            service("all", &server, Some("nowhere"), None),
            of("stranger", "app", "main").account(stranger),
            within(away, Some("app"), Some("main")),
            reader,
        ],
        extra: "[limits]\nattempts_max = 1\n".to_owned(),
        ..Default::default()
    })
    .unwrap();
    for (service, words) in [
        ("namespace", "no database nowhere/main"),
        ("all", "no namespace nowhere"),
        ("database", "no database app/nowhere"),
        ("stranger", "refuses the login"),
        ("away", "refuses the connection"),
    ] {
        let said = no_backup(&host, service);
        assert!(said.contains(words) && !said.contains("another word"), "{service}: {said}");
    }
    // Asking has made nothing.
    let namespaces = server.root().value("INFO FOR ROOT").unwrap()["namespaces"].clone();
    assert!(namespaces.get("nowhere").is_none(), "{namespaces}");
    // Who may read may back up, and not restore: said before anything is gone.
    let id = host.backup("reader", "export").unwrap();
    let output = host.run(&["backup", "restore", &id, "--service", "reader", "--no-safety-backup", "--wait"]).unwrap();
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(output.stderr.contains("may not replace database app/main"), "{output:?}");
    assert_eq!(client.value("SELECT VALUE count FROM (SELECT count() FROM first GROUP ALL)").unwrap()[0], 30);
    // A backup of one database is not taken for one of another.
    let output = host.run(&["backup", "restore", &id, "--to", "database", "--no-safety-backup", "--wait"]).unwrap();
    assert!(output.stderr.contains("holds no database of this service"), "{output:?}");
    host.backup("good", "export").unwrap();
}
