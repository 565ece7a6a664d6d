//! Resets: all that a service holds is gone, and nothing that it does not hold.

use bulkhead_test_support::{Account, HostOptions, ServiceEntry, SurrealDb};
use serde_json::json;

use crate::crash::scene::LIMITS;
use crate::migrations::Shop;
use crate::scene::Scene;

/// Where the host is killed here.
pub const FAIL_POINTS: [&str; 2] = ["reset.claimed", "restore.migrated"];

/// Two databases that refer to each other, with names that want to be quoted, and an account.
const FULL: &str = "CREATE DATABASE `a``b`; CREATE TABLE `a``b`.parent (id INT PRIMARY KEY);
    CREATE DATABASE child; CREATE TABLE child.child (id INT, FOREIGN KEY (id) REFERENCES `a``b`.parent (id));
    INSERT INTO `a``b`.parent VALUES (1); INSERT INTO child.child VALUES (1);
    CREATE USER 'app'@'%' IDENTIFIED BY 'secret'; GRANT SELECT ON child.* TO 'app'@'%'";

fn databases(shop: &Shop) -> Vec<String> {
    let own = "('mysql', 'sys', 'information_schema', 'performance_schema', 'test')";
    let asked =
        format!("SELECT schema_name FROM information_schema.schemata WHERE schema_name NOT IN {own} ORDER BY 1");
    shop.server.query(&asked).unwrap().into_iter().flatten().collect()
}

#[test]
fn a_reset_empties_the_server_and_leaves_a_backup_that_brings_all_back() {
    let shop = Shop::start();
    shop.server.execute(FULL).unwrap();
    shop.write("1_shop.sql", "CREATE DATABASE shop; CREATE TABLE shop.orders (id INT PRIMARY KEY);");
    let asked = shop.scene.post("/v1/services/shop/reset", &json!({}));
    assert_eq!((asked["kind"].as_str(), asked["type"].as_str()), (Some("reset"), Some("reset")), "{asked}");
    let ended = shop.scene.ended(asked["id"].as_str().unwrap());
    assert_eq!(ended["status"], "Succeeded", "{ended}\n{}", shop.scene.host.log_tail());
    assert_eq!(databases(&shop), ["bulkhead", "shop"]);
    assert_eq!(shop.recorded(), ["1"]);
    let grants = shop.server.query("SHOW GRANTS FOR 'app'@'%'").unwrap();
    assert!(format!("{grants:?}").contains("child"), "accounts stay: {grants:?}");
    assert_eq!(shop.state()["state"], "open");
    // The backup that nobody asked to leave out.
    let backups = shop.scene.get("/v1/backups?service_id=shop");
    let backup = &backups["backups"][0];
    assert_eq!(
        (backup["name"].as_str(), backup["status"].as_str()),
        (Some("before-reset"), Some("Succeeded")),
        "{backups}"
    );
    shop.restores(backup["id"].as_str().unwrap());
    assert_eq!(shop.server.query("SELECT id FROM child.child").unwrap(), [["1"]]);
}

#[test]
fn a_reset_whose_host_is_killed_is_done_by_the_next_one() {
    let mut shop = Shop::start();
    shop.write("1_shop.sql", "CREATE DATABASE shop; CREATE TABLE shop.orders (id INT PRIMARY KEY);");
    for fail_at in FAIL_POINTS {
        shop.server.execute("DROP DATABASE IF EXISTS shop; CREATE DATABASE IF NOT EXISTS gone").unwrap();
        shop.scene.host.launch(&[("BULKHEAD_FAIL_AT", fail_at), ("BULKHEAD_LIMITS__ATTEMPTS_MAX", "3")]).unwrap();
        let ended = shop.dies("/v1/services/shop/reset", &json!({"backup": false}));
        assert_eq!(ended["status"], "Succeeded", "{fail_at}: {ended}\n{}", shop.scene.host.log_tail());
        assert_eq!(databases(&shop), ["bulkhead", "shop"], "{fail_at}");
        assert_eq!(shop.state()["state"], "open", "{fail_at}");
    }
}

#[test]
fn without_the_backup_that_it_waits_for_nothing_is_reset() {
    let shop = Shop::start();
    shop.server.execute("CREATE DATABASE kept").unwrap();
    // No room, no backup.
    let bucket = shop.scene.host.bucket();
    std::fs::remove_dir_all(&bucket).unwrap();
    std::fs::write(&bucket, "in the way").unwrap();
    let asked = shop.scene.post("/v1/services/shop/reset", &json!({"backup": true}));
    let ended = shop.scene.ended(asked["id"].as_str().unwrap());
    assert_eq!(ended["status"], "Failed", "{ended}");
    let said = ended["failure"]["message"].as_str().unwrap();
    assert!(said.contains("the safety backup is failed") && said.contains("nothing was reset"), "{said}");
    assert_eq!(databases(&shop), ["kept"]);
    assert_eq!(shop.state()["state"], "open");
}

#[test]
fn a_reset_of_surrealdb_empties_the_databases_of_the_service_and_no_others() {
    let server = SurrealDb::start().unwrap();
    let service = |id: &str, more: &str| {
        let mut entry = ServiceEntry::surrealdb(id, &server);
        more.clone_into(&mut entry.extra);
        entry
    };
    let one = "namespace = \"o-dd `ns\"\ndatabase = \"ma`in\"";
    let services = vec![
        service("one", one),
        service("namespace", "namespace = \"other\""),
        service("all", ""),
        service("inside", &format!("{one}\nlogin = \"database\""))
            .account(Account { user: "inside", password: "secret" }),
    ];
    let scene =
        Scene::start(HostOptions { services, extra: format!("{LIMITS}attempts_max = 1\n"), ..HostOptions::default() });
    let fill = |namespace: &str, database: &str| {
        let client = server.at(namespace, database);
        client.define().unwrap();
        client.query("CREATE note:1; DEFINE USER inside ON DATABASE PASSWORD 'secret' ROLES OWNER; DEFINE FUNCTION fn::a() { RETURN 1; }").unwrap();
    };
    let empty = |namespace: &str, database: &str| {
        let info = server.at(namespace, database).value("INFO FOR DB").unwrap();
        ["tables", "users", "functions"].iter().all(|kind| info[kind] == json!({}))
    };
    let places = [("o-dd `ns", "ma`in"), ("other", "one"), ("other", "two"), ("third", "main")];
    for (namespace, database) in places {
        fill(namespace, database);
    }
    server.at("other", "one").query("DEFINE USER keeper ON NAMESPACE PASSWORD 'x' ROLES VIEWER").unwrap();
    let reset = |service: &str| {
        let asked = scene.post(&format!("/v1/services/{service}/reset"), &json!({"backup": false}));
        scene.ended(asked["id"].as_str().unwrap())
    };
    // Whoever would be removed with the database removes nothing.
    let refused = reset("inside");
    assert!(refused["failure"]["message"].as_str().unwrap().contains("would be removed with it"), "{refused}");
    assert!(places.iter().all(|(namespace, database)| !empty(namespace, database)));
    for (service, emptied) in [("one", 1), ("namespace", 3), ("all", 4)] {
        let ended = reset(service);
        assert_eq!(ended["status"], "Succeeded", "{service}: {ended}\n{}", scene.host.log_tail());
        for (number, (namespace, database)) in places.iter().enumerate() {
            assert_eq!(empty(namespace, database), number < emptied, "{service}: {namespace}/{database}");
        }
    }
    let namespace = server.at("other", "one").value("INFO FOR NS").unwrap();
    assert!(namespace["users"]["keeper"].is_string(), "{namespace}");
}
