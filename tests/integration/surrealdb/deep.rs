//! Records that are nested deeper than a server reads text.

use bulkhead_test_support::{ServiceEntry, Surreal2, SurrealClient, SurrealDb, SurrealSnapshot};

use super::{equal, host, service, within};

/// The deepest has 2 brackets a level and some around it; servers take 256 in all.
const DEPTHS: [(&str, usize); 4] = [("flat", 1), ("read", 7), ("refused", 8), ("deep", 30)];
/// Deeper than servers of 2.x read, and almost as deep as those of 3.x store.
const DEEPEST: [(&str, usize); 2] = [("old", 50), ("new", 120)];

fn load(client: &SurrealClient, depths: &[(&str, usize)]) {
    client.define().unwrap();
    client
        .query(
            "DEFINE TABLE IF NOT EXISTS doc; DEFINE TABLE IF NOT EXISTS has TYPE RELATION; UPSERT doc:other SET n = 1;",
        )
        .unwrap();
    for (name, depth) in depths {
        let leaf = "{ at: d'2024-01-01T00:00:00Z', link: doc:other, price: 1.5dec, text: ']}; {[' }";
        client
            .query(&format!(
                "CREATE doc:{name} SET content = {leaf}; RELATE doc:{name}->has:{name}->doc:other SET content = {leaf}"
            ))
            .unwrap();
        // A level at a time, as no text can be so deep.
        for table in ["doc", "has"] {
            client
                .query(&format!(
                    "FOR $i IN 0..{depth} {{ UPDATE {table}:{name} SET content = {{ children: [content] }} }}"
                ))
                .unwrap();
        }
    }
}

#[test]
fn records_that_are_nested_deeper_than_the_server_reads_come_back() {
    let (old, new) = (Surreal2::start().unwrap(), SurrealDb::start().unwrap());
    let entry = ServiceEntry::at_port("old", "surrealdb", old.address().port()).account(SurrealDb::ROOT);
    let services = vec![within(entry, Some("app"), Some("main")), service("new", &new, Some("app"), Some("main"))];
    let host = host(services);
    for (id, client) in [("old", old.at("app", "main")), ("new", new.at("app", "main"))] {
        load(&client, &DEPTHS);
        load(&client, &DEEPEST.into_iter().filter(|(of, _)| *of == id).collect::<Vec<_>>());
        let before = SurrealSnapshot::take(&client).unwrap();
        if id == "old" {
            // What is tested is needed: the server does not read its own export.
            let copy = old.at("app", "copy");
            copy.define().unwrap();
            let said = copy.import(&client.export().unwrap()).unwrap().text();
            assert!(said.contains("recursion depth limit"), "{said}");
        }
        let backup = host.backup(id, "export").unwrap();
        client.query("DELETE doc; DELETE has").unwrap();
        host.restore(&backup, id).unwrap();
        equal(&before, &SurrealSnapshot::take(&client).unwrap());
        assert_eq!(client.value("SELECT VALUE <string> out FROM has:deep").unwrap()[0], "doc:other", "{id}");
    }
}

/// Definitions that its exports have not are told, whatever they are.
#[test]
fn what_the_server_leaves_out_of_its_export_is_told_with_its_name() {
    let old = Surreal2::start().unwrap();
    let client = old.at("app", "main");
    client.define().unwrap();
    client.query("CREATE kept:1; DEFINE CONFIG GRAPHQL AUTO").unwrap();
    let entry = ServiceEntry::at_port("old", "surrealdb", old.address().port()).account(SurrealDb::ROOT);
    let host = host(vec![within(entry, Some("app"), Some("main"))]);
    let backup = host.backup("old", "export").unwrap();
    let shown = host.json(&["backup", "show", &backup]).unwrap();
    assert_eq!(shown["positions"]["left_out.app.main.CONFIG"], "1: GraphQL", "{shown}");
    host.restore(&backup, "old").unwrap();
    assert_eq!(client.value("SELECT VALUE <string> id FROM kept").unwrap()[0], "kept:1");
}
