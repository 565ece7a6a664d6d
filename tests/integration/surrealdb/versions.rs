//! Exports of SurrealDB 2, made by its engine behind a front of the tests' own: see [`Surreal2`].

use bulkhead_test_support::dataset::surrealdb::{self, OWNER};
use bulkhead_test_support::{BulkheadHost, ServiceEntry, Surreal2, SurrealDb, SurrealSnapshot};
use serde_json::json;

use super::{equal, host, service, within};

fn scene() -> (Surreal2, SurrealDb, BulkheadHost) {
    let (old, new) = (Surreal2::start().unwrap(), SurrealDb::start().unwrap());
    let mut second = ServiceEntry::at_port("old", "surrealdb", old.address().port());
    second.account = SurrealDb::ROOT;
    let second = within(second, Some("app"), Some("main"));
    let host = host(vec![second, service("new", &new, Some("app"), Some("main"))]);
    (old, new, host)
}

#[test]
fn an_export_of_the_second_version_comes_back_into_both() {
    let (old, new, host) = scene();
    let client = old.at("app", "main");
    surrealdb::load_second(&client).unwrap();
    let before = SurrealSnapshot::take(&client).unwrap();
    let id = host.backup("old", "export").unwrap();
    assert_eq!(host.json(&["backup", "show", &id]).unwrap()["server_version"], "2.6.0");

    client.query("DELETE many; REMOVE TABLE person; CREATE later:1").unwrap();
    host.restore(&id, "old").unwrap();
    equal(&before, &SurrealSnapshot::take(&client).unwrap());

    // The third version writes some definitions otherwise: the records and what is defined are the same.
    host.json(&["backup", "restore", &id, "--to", "new", "--wait"]).unwrap();
    let client = new.at("app", "main");
    let after = SurrealSnapshot::take(&client).unwrap();
    let only = |snapshot: &SurrealSnapshot, records: bool| {
        let things = snapshot.things().filter(|(thing, _)| thing.starts_with("record ") == records);
        things.map(|(thing, _)| thing.replace("[*]", ".*")).collect::<Vec<_>>()
    };
    assert_eq!(only(&after, false), only(&before, false));
    assert_eq!(after.records(), before.records());
    assert!(client.signs_in(&json!({"user": OWNER.0, "pass": OWNER.1})).unwrap());
    let refused = client.answers("CREATE person:new SET name = 'New', email = 'bob@example.org'").unwrap();
    assert_eq!(refused[0]["status"], "ERR", "{refused:?}");
}

/// Said before anything is wiped.
#[test]
fn an_export_of_the_third_version_is_refused_by_the_second() {
    let (old, new, host) = scene();
    let (before, after) = (old.at("app", "main"), new.at("app", "main"));
    surrealdb::load(&after).unwrap();
    before.define().unwrap();
    before.query("CREATE kept:1 SET text = 'still here'").unwrap();
    let id = host.backup("new", "export").unwrap();
    let refused = host.run(&["backup", "restore", &id, "--to", "old", "--no-safety-backup", "--wait"]).unwrap();
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("3.3.5") && refused.stderr.contains("2.6.0"), "{refused:?}");
    assert_eq!(before.value("SELECT VALUE text FROM kept").unwrap(), json!(["still here"]));
}
