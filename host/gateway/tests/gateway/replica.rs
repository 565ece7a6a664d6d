//! The replica, with real servers.

use bulkhead_surrealdb::Server;
use serde_json::json;

use crate::scene::{Scene, server};

const SCHEMA: &str = "
    DEFINE TABLE user SCHEMAFULL;
    DEFINE FIELD name ON user TYPE string;
    DEFINE FIELD born ON user TYPE option<datetime>;
    DEFINE FIELD friends ON user TYPE array<record<user>> DEFAULT [];
    DEFINE FIELD stamp ON user TYPE datetime VALUE time::now();
    DEFINE EVENT told ON user THEN (CREATE noise);
    DEFINE TABLE likes TYPE RELATION FROM user TO user ENFORCED;
    CREATE user:1 SET name = 'one', born = d'2001-02-03T04:05:06Z';
    CREATE user:⟨x y⟩ SET name = 'odd', friends = [user:1];
    RELATE user:1->likes:a->user:⟨x y⟩;
    DELETE noise;
    CREATE loose:1 SET a = { b: [1, 2.5, 'it\\'s'] };
";

/// What both hold, record by record as text with types.
fn differences(scene: &Scene, tables: &[&str]) -> Vec<String> {
    let mut differences = Vec::new();
    for table in tables {
        let sql = format!("SELECT VALUE <string> $this FROM (SELECT * FROM {table} ORDER BY id)");
        let (main, replica) = (scene.on(&scene.main).value(&sql), scene.on(&scene.replica).value(&sql));
        let (main, replica) = (main.unwrap_or_default(), replica.unwrap_or_default());
        if main != replica {
            differences.push(format!("{table}: {main} and {replica}"));
        }
    }
    differences
}

/// An export hides the keys of accesses behind a word that everybody knows.
#[test]
fn nobody_can_sign_tokens_for_the_copy() {
    let access = "DEFINE ACCESS api ON DATABASE TYPE JWT ALGORITHM HS256 KEY 'a key that only main knows, long enough';
        DEFINE USER reader ON DATABASE PASSWORD 'a password of main' ROLES VIEWER; CREATE user:1 SET name = 'one';";
    let scene = Scene::start(access, |_| {});
    let (main, replica) = (scene.on(&scene.main), scene.on(&scene.replica));
    assert_eq!(replica.value("SELECT VALUE name FROM user").unwrap(), json!(["one"]));
    assert_eq!(main.value("INFO FOR DB").unwrap()["accesses"].as_object().unwrap().len(), 1);
    let info = replica.value("INFO FOR DB").unwrap();
    assert_eq!((&info["accesses"], &info["users"]), (&json!({}), &json!({})), "{info}");
}

#[test]
fn it_begins_as_a_copy_and_takes_events_in_with_their_types() {
    let scene = Scene::start(SCHEMA, |_| {});
    assert_eq!(differences(&scene, &["user", "likes", "loose"]), Vec::<String>::new());
    let (main, replica) = (scene.on(&scene.main), scene.on(&scene.replica));
    let info = "INFO FOR DB";
    assert_eq!(main.value(info).unwrap(), replica.value(info).unwrap());

    // The same on main by hand and through the door.
    main.query(
        "OPTION IMPORT; UPSERT user:1 CONTENT { name: 'uno', born: d'2001-02-03T04:05:06Z', friends: [user:⟨x y⟩], stamp: d'2020-01-01T00:00:00Z' };
         UPSERT user:[1, 'a'] CONTENT { name: 'array', friends: [], stamp: d'2020-01-01T00:00:00Z' };
         CREATE user:2 CONTENT { name: 'gone', friends: [], stamp: d'2020-01-01T00:00:00Z' }; DELETE user:2;
         DELETE likes:a; INSERT RELATION INTO likes { id: likes:b, in: user:⟨x y⟩, out: user:1, weight: 3 };
         CREATE loose:large CONTENT { text: string::repeat('x\\'', 480000) };
         UPSERT loose:1 CONTENT { a: { \"odd `key\": 'x\\'y' }, n: -7, f: 0.25, t: true };",
    )
    .unwrap();
    let mut door = scene.client();
    for (table, op, id, record) in [
        (
            "user",
            "update",
            "user:1",
            json!({"id": "user:1", "name": "uno", "born": "2001-02-03T04:05:06Z", "friends": ["user:⟨x y⟩"], "stamp": "2020-01-01T00:00:00Z"}),
        ),
        ("user", "CREATE", "user:[1, 'a']", json!({"name": "array", "friends": [], "stamp": "2020-01-01T00:00:00Z"})),
        ("user", "CREATE", "2", json!({"name": "gone", "friends": [], "stamp": "2020-01-01T00:00:00Z"})),
        ("user", "DELETE", "user:2", json!({"name": "gone"})),
        // Of another table: no row of this one.
        ("user", "DELETE", "likes:a", json!({})),
        ("likes", "DELETE", "likes:a", json!({})),
        ("likes", "CREATE", "likes:b", json!({"id": "likes:b", "in": "user:⟨x y⟩", "out": "user:1", "weight": 3})),
        // More than a server takes as statements.
        ("loose", "CREATE", "loose:large", json!({"text": "x'".repeat(480_000)})),
        ("loose", "UPDATE", "loose:1", json!({"a": {"odd `key": "x'y"}, "n": -7, "f": 0.25, "t": true})),
    ] {
        let answer = door.ingest(table, op, id, record).unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    scene.until_applied();
    assert_eq!(door.status()["refused"], 0);
    assert_eq!(differences(&scene, &["user", "likes", "loose", "noise"]), Vec::<String>::new());
    assert_eq!(main.value(info).unwrap(), replica.value(info).unwrap());

    let answer = door.post("/proxy/query", &json!({"query": "SELECT VALUE name FROM user ORDER BY name"})).unwrap();
    assert_eq!((answer.status, answer.body.as_str()), (200, r#"["array","odd","uno"]"#));
    let answer = door.post("/proxy/query", &json!({"query": "SELECT * FROM nothing_there"})).unwrap();
    assert_eq!((answer.status, answer.body.as_str()), (200, "[]"));
    let answer = door.post("/proxy/query", &json!({"query": "DELETE user"})).unwrap();
    assert_eq!(answer.status, 400, "{answer:?}");
    for route in ["/proxy/signin", "/proxy/use"] {
        assert_eq!(door.post(route, &json!({})).unwrap().status, 200);
    }
}

#[test]
fn events_that_it_does_not_take_are_put_aside_and_the_others_go_in() {
    let scene = Scene::start(SCHEMA, |_| {});
    let mut door = scene.client();
    for (id, born) in
        [("user:10", "2001-02-03T04:05:06Z"), ("user:11", "yesterday"), ("user:12", "2001-02-03T04:05:06Z")]
    {
        let record = json!({"name": id, "born": born, "friends": [], "stamp": "2020-01-01T00:00:00Z"});
        assert_eq!(door.ingest("user", "CREATE", id, record).unwrap().status, 200);
    }
    scene.until_applied();
    let names = "SELECT VALUE name FROM user WHERE string::starts_with(name, 'user:') ORDER BY name";
    let names = scene.on(&scene.replica).value(names);
    assert_eq!(names.unwrap(), json!(["user:10", "user:12"]));
    assert_eq!(door.status()["refused"], 1);
    let aside = std::fs::read_to_string(scene.directory.path().join("refused.jsonl")).unwrap();
    assert!(aside.contains("\"user:11\"") && aside.lines().count() == 1, "{aside}");
}

#[test]
fn events_wait_while_it_is_away_and_go_in_after_a_restart() {
    let mut scene = Scene::start("CREATE a:1 SET n = 0", |limits| limits.buffer_events = 20);
    scene.replica.kill().unwrap();
    let mut door = scene.client();
    let mut refused = None;
    for number in 1..=30 {
        let answer = door.ingest("a", "UPDATE", "a:1", json!({ "n": number })).unwrap();
        if answer.status != 200 {
            refused = Some((number, answer));
            break;
        }
    }
    let (number, refused) = refused.expect("the buffer is bounded");
    assert_eq!((number, refused.status), (21, 503), "{refused:?}");
    assert!(refused.body.contains("buffer is full") && refused.header("retry-after").is_some(), "{refused:?}");
    let before = door.status();
    assert_eq!((&before["buffered"], &before["sequence"]), (&json!(20), &json!(20)));

    scene.restart(None);
    let mut door = scene.client();
    let after = door.status();
    assert_eq!((&after["buffered"], &after["sequence"]), (&json!(20), &json!(20)), "{after}");
    assert_eq!(after["state"], "cloning", "nothing is read before the replica is there");
    assert_eq!(door.post("/proxy/query", &json!({"query": "RETURN 1"})).unwrap().status, 503);

    // It comes back empty, is copied anew, and the events go in on top.
    scene.replica.launch().unwrap();
    scene.until_applied();
    assert_eq!(scene.on(&scene.replica).value("SELECT VALUE n FROM ONLY a:1").unwrap(), json!(20));
    assert_eq!(scene.client().ingest("a", "UPDATE", "a:1", json!({ "n": 99 })).unwrap().sequence(), 21);
    scene.until_applied();
    assert_eq!(scene.on(&scene.replica).value("SELECT VALUE n FROM ONLY a:1").unwrap(), json!(99));
}

#[test]
fn main_is_never_taken_for_it() {
    let scene = Scene::start("CREATE a:1 SET n = 0", |_| {});
    scene.runtime.block_on(scene.gateway.shutdown());
    let directory = tempfile::tempdir().unwrap();
    let config = bulkhead_gateway::GatewayConfig {
        directory: directory.path().to_owned(),
        // Another name for it.
        replica: Server { host: "localhost".to_owned(), ..server(&scene.main) },
        ..scene.config.clone()
    };
    let gateway = scene.runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        bulkhead_gateway::Gateway::start(config, listener, None).await.unwrap()
    });
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    let reason = loop {
        match gateway.status().reason {
            Some(reason) => break reason,
            None => assert!(std::time::Instant::now() < deadline),
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    };
    assert!(reason.contains("is the main database itself"), "{reason}");
    assert_eq!(scene.on(&scene.main).value("SELECT VALUE n FROM ONLY a:1").unwrap(), json!(0));
    assert_eq!(scene.on(&scene.main).value("INFO FOR DB").unwrap()["params"], json!({}));
}

#[test]
fn main_brings_its_events_itself_and_the_replica_brings_none() {
    let scene = Scene::start("DEFINE TABLE user SCHEMALESS", |_| {});
    let event = format!(
        "DEFINE EVENT sync ON user THEN {{
             LET $row = IF $event = 'DELETE' {{ $before }} ELSE {{ $after }};
             http::post('http://{}/ingest', {{ table: 'user', op: $event, id: $row.id, record: $row }});
         }};",
        scene.address
    );
    for server in [&scene.main, &scene.replica] {
        scene.on(server).query(&event).unwrap();
    }
    let main = scene.on(&scene.main);
    main.query(
        "CREATE user:1 SET a = 1; UPDATE user:1 SET a = NONE, b = [1, { c: 'd' }]; CREATE user:⟨x y⟩; CREATE user:[1, 'a']; \
         CREATE user:2; DELETE user:2;",
    )
    .unwrap();
    scene.until_applied();
    assert_eq!(differences(&scene, &["user"]), Vec::<String>::new());
    let status = scene.client().status();
    assert_eq!((&status["sequence"], &status["refused"]), (&json!(6), &json!(0)), "{status}");

    // Who writes to main while it is closed is told so, and nothing is written.
    scene.runtime.block_on(scene.gateway.close()).unwrap();
    assert!(main.query("CREATE user:3").unwrap_err().to_string().contains("503"));
    assert_eq!(main.value("SELECT VALUE id FROM user:3").unwrap(), json!([]));
    scene.runtime.block_on(scene.gateway.open()).unwrap();
    scene.until("the door is open", || scene.client().status()["state"] == "open");
    main.query("CREATE user:3").unwrap();
}
