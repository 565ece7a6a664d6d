//! SurrealDB services: what is exported comes back, record by record and definition by definition.

mod deep;
mod lies;
mod versions;
mod whole;

use bulkhead_test_support::dataset::surrealdb::{QUESTIONS, REFUSED};
use bulkhead_test_support::{BulkheadHost, HostOptions, ServiceEntry, SurrealClient, SurrealDb, SurrealSnapshot};

/// A host with these services.
fn host(services: Vec<ServiceEntry>) -> BulkheadHost {
    BulkheadHost::start(HostOptions { services, ..HostOptions::default() }).unwrap()
}

/// A service over one database, or over all of a namespace, or over all that the server has.
fn service(id: &str, server: &SurrealDb, namespace: Option<&str>, database: Option<&str>) -> ServiceEntry {
    within(ServiceEntry::surrealdb(id, server), namespace, database)
}

fn within(mut entry: ServiceEntry, namespace: Option<&str>, database: Option<&str>) -> ServiceEntry {
    for (key, name) in [("namespace", namespace), ("database", database)] {
        if let Some(name) = name {
            entry.extra.push_str(&format!("{key} = {}\n", serde_json::Value::from(name)));
        }
    }
    entry
}

/// Everything in a database of the full data set, and what it answers.
fn everything(client: &SurrealClient) -> SurrealSnapshot {
    let mut snapshot = SurrealSnapshot::take(client).unwrap();
    snapshot.ask(client, QUESTIONS).unwrap();
    snapshot
}

/// What the schema forbids is still refused.
fn refuses_what_it_did(client: &SurrealClient) {
    for refused in REFUSED {
        let answer = client.answers(refused).unwrap();
        assert_eq!(answer[0]["status"], "ERR", "{refused}: {answer:?}");
    }
}

/// Both hold the same.
fn equal(before: &SurrealSnapshot, after: &SurrealSnapshot) {
    let differences = before.compare(after);
    let first: Vec<&str> = differences.iter().take(20).map(String::as_str).collect();
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), first.join("\n"));
}
