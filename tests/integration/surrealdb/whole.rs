//! One of everything: wiped, restored, compared.

use bulkhead_test_support::dataset::surrealdb::{self, CUSTOMER, OWNER};
use bulkhead_test_support::{SurrealDb, SurrealSnapshot};
use serde_json::json;

use super::{equal, everything, host, refuses_what_it_did, service};

/// Names that have to be escaped wherever they go.
const NAMESPACE: &str = "app `; REMOVE";
const DATABASE: &str = "main \"db\" -- x";

#[test]
fn a_database_with_one_of_everything_comes_back() {
    let server = SurrealDb::start().unwrap();
    let client = server.at(NAMESPACE, DATABASE);
    surrealdb::load(&client).unwrap();
    let neighbour = server.at(NAMESPACE, "neighbour");
    neighbour.define().unwrap();
    neighbour.query("CREATE kept:1 SET text = 'not in the backup'").unwrap();
    let before = everything(&client);
    let host = host(vec![service("notes", &server, Some(NAMESPACE), Some(DATABASE))]);
    let id = host.backup("notes", "export").unwrap();

    let shown = host.json(&["backup", "show", &id]).unwrap();
    assert_eq!(shown["server_version"], "3.3.5");
    let positions = shown["positions"].as_object().unwrap();
    assert_eq!(positions["records"], before.records().to_string(), "{shown}");
    assert_eq!(positions[&format!("records.{NAMESPACE}.{DATABASE}.many")], "2500", "{shown}");

    // What was changed, added and taken away since is as it was, and nothing of another database is touched.
    client
        .query(
            "DELETE anything; REMOVE TABLE product; CREATE later:1; REMOVE FUNCTION fn::greet; UPDATE many SET price = 0;
             DEFINE FIELD later ON person TYPE option<int>; REMOVE INDEX email ON person; DEFINE USER later ON DATABASE PASSWORD 'x' ROLES OWNER;
             REMOVE EVENT renamed ON person; REMOVE ACCESS customers ON DATABASE; REMOVE USER owner ON DATABASE",
        )
        .unwrap();
    host.restore(&id, "notes").unwrap();
    equal(&before, &everything(&client));
    refuses_what_it_did(&client);
    assert_eq!(neighbour.value("SELECT VALUE text FROM kept").unwrap(), json!(["not in the backup"]));

    // Who could sign in can, and nobody else.
    let (mail, pass) = CUSTOMER;
    for (who, may) in [
        (json!({"user": OWNER.0, "pass": OWNER.1}), true),
        (json!({"user": OWNER.0, "pass": "other"}), false),
        (json!({"user": "later", "pass": "x"}), false),
        (json!({"ac": "customers", "email": mail, "pass": pass}), true),
        (json!({"ac": "customers", "email": mail, "pass": "other"}), false),
    ] {
        assert_eq!(client.signs_in(&who).unwrap(), may, "{who}");
    }
    // Nothing that the load wrote was taken for a change by an event; what is written now is.
    client.query("RELATE person:bob -> bought:new -> product:car SET amount = 3, at = time::now()").unwrap();
    assert_eq!(client.value("SELECT VALUE amount FROM audit WHERE what = 'bought; bought:new'").unwrap(), json!([3]));
    assert_eq!(client.value("SELECT VALUE number FROM sales WHERE out = product:car").unwrap(), json!([2]));
    assert_eq!(client.value("RETURN sequence::nextval('invoices') > 1011").unwrap(), json!(true));
}

#[test]
fn a_backup_of_all_that_a_server_has_comes_back_into_a_server_that_lost_it() {
    let server = SurrealDb::start_on_disk().unwrap();
    let clients = [server.at("app", "main"), server.at("app", "second"), server.at("other", "main")];
    surrealdb::load(&clients[0]).unwrap();
    for client in &clients[1..] {
        client.define().unwrap();
        client
            .query(
                "DEFINE TABLE t SCHEMAFULL; DEFINE FIELD n ON t TYPE int; CREATE t:1 SET n = 1; CREATE t:2 SET n = 2",
            )
            .unwrap();
    }
    let before = clients.each_ref().map(|client| SurrealSnapshot::take(client).unwrap());
    let fresh = SurrealDb::start().unwrap();
    let host = host(vec![service("all", &server, None, None), service("fresh", &fresh, None, None)]);
    let id = host.backup("all", "export").unwrap();

    // Where it was: a database and a namespace that came later go, those that went come back.
    clients[1].query("UPDATE t SET n = 5").unwrap();
    server.root().query("REMOVE NAMESPACE other; DEFINE NAMESPACE later; USE NS later; DEFINE DATABASE main").unwrap();
    host.restore(&id, "all").unwrap();
    let namespaces = server.root().value("INFO FOR ROOT").unwrap()["namespaces"].clone();
    let names: Vec<&String> = namespaces.as_object().unwrap().keys().collect();
    let has = |name: &str| names.iter().any(|known| *known == name);
    assert!(has("app") && has("other") && !has("later"), "{names:?}");
    for (client, before) in clients.iter().zip(&before) {
        equal(before, &SurrealSnapshot::take(client).unwrap());
    }

    // Into an empty server, as after a fire.
    host.json(&["backup", "restore", &id, "--to", "fresh", "--wait"]).unwrap();
    for ((namespace, database), before) in [("app", "main"), ("app", "second"), ("other", "main")].iter().zip(&before) {
        let client = fresh.at(namespace, database);
        equal(before, &SurrealSnapshot::take(&client).unwrap());
    }
    refuses_what_it_did(&fresh.at("app", "main"));
}
