//! The SurrealDB servers and what compares them: a comparison that cannot fail proves nothing.

use bulkhead_test_support::dataset::surrealdb::{self, QUESTIONS, REFUSED};
use bulkhead_test_support::{Surreal2, SurrealDb, SurrealSnapshot};

#[test]
fn a_snapshot_sees_every_kind_of_change() {
    let server = SurrealDb::start().unwrap();
    let client = server.at("app; --", "main `db`");
    surrealdb::load(&client).unwrap();
    let take = || {
        let mut snapshot = SurrealSnapshot::take(&client).unwrap();
        snapshot.ask(&client, QUESTIONS).unwrap();
        snapshot
    };
    let mut reference = take();
    assert!(reference.records() > 2_540, "{}", reference.records());
    assert!(take().compare(&reference).is_empty());
    for refused in REFUSED {
        assert_eq!(client.answers(refused).unwrap()[0]["status"], "ERR", "{refused}");
    }

    // Each change is seen as the one thing it touches.
    for (change, seen) in [
        // A number of another type and the same value is no change to the server.
        ("UPDATE anything:decimals SET exact = 0.25f", "record anything:decimals differs"),
        ("UPDATE anything:collections SET set = [1, 2, 3, 'a']", "record anything:collections differs"),
        ("UPDATE anything:ids SET link = 'person:1'", "record anything:ids differs"),
        ("UPDATE anything:times SET at = <string> at", "record anything:times differs"),
        ("DELETE anything:⟨1⟩", "record anything:`1` is missing"),
        ("CREATE anything:2", "record anything:2 was not there before"),
        ("DEFINE FIELD OVERWRITE price ON product TYPE number", "fields product.price differs"),
        ("REMOVE INDEX once ON bought", "indexes bought.once is missing"),
        ("REMOVE EVENT renamed ON person", "events person.renamed is missing"),
        ("DEFINE TABLE OVERWRITE knows TYPE RELATION SCHEMALESS PERMISSIONS FULL", "tables knows differs"),
        ("REMOVE ANALYZER edges", "analyzers edges is missing"),
        ("REMOVE ACCESS clerks ON DATABASE", "accesses clerks is missing"),
        ("REMOVE USER owner ON DATABASE", "users owner is missing"),
        ("DEFINE PARAM OVERWRITE $limits VALUE 1 PERMISSIONS NONE", "params limits differs"),
        ("DEFINE FUNCTION OVERWRITE fn::greet() { RETURN 1 }", "functions greet differs"),
        ("RETURN sequence::nextval('invoices')", "sequences invoices differs"),
    ] {
        client.query(change).unwrap();
        let after = SurrealSnapshot::take(&client).unwrap();
        let without_answers = |text: &String| !text.starts_with("answer ");
        let found: Vec<String> = reference.compare(&after).into_iter().filter(without_answers).collect();
        let first = |text: &String| text.lines().next().unwrap_or_default().to_owned();
        assert_eq!(found.iter().map(first).collect::<Vec<_>>(), [seen], "after: {change}");
        reference = after;
    }
}

#[test]
fn data_on_disk_outlives_a_kill() {
    let server = SurrealDb::start_on_disk().unwrap();
    let client = server.at("app", "main");
    client.define().unwrap();
    client.query("CREATE kept:1 SET text = 'as it was'").unwrap();
    let before = SurrealSnapshot::take(&client).unwrap();
    let (address, pid) = (server.address(), server.pid());
    server.kill().unwrap();
    assert!(!server.answers() && server.pid().is_none());
    server.launch().unwrap();
    assert!(server.address() == address && server.pid() != pid);
    assert_eq!(before.compare(&SurrealSnapshot::take(&client).unwrap()), Vec::<String>::new());
}

#[test]
fn the_second_version_is_there_as_an_engine() {
    let server = Surreal2::start().unwrap();
    let client = server.at("app", "main");
    surrealdb::load_second(&client).unwrap();
    let snapshot = SurrealSnapshot::take(&client).unwrap();
    // Three people, a product, an edge, what its event wrote, and 2,500 more.
    assert_eq!(snapshot.records(), 2_506, "{}", server.log());
    assert!(client.export().unwrap().contains("OPTION IMPORT"));
    assert!(client.query("SELECT * FROM person WHERE").unwrap_err().to_string().contains("400"));
}
