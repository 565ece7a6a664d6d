//! A restore across a cluster: main server, replica, and stream processors that read along. Whatever is killed meanwhile, nobody is
//! told half of the truth, and another restore ends it.

mod cluster;

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use bulkhead_test_support::{StreamProcessor, SurrealDb, process};
use serde_json::json;

use crate::scene::DEADLINE;
use cluster::{Cluster, SERVICE};

#[test]
fn a_restore_brings_main_replica_and_stream_processors_to_the_same_state() {
    let cluster = Cluster::start();
    let [one, two] = ["one", "two"].map(|id| StreamProcessor::start(id, cluster.door, "note").unwrap());
    let both = [&one, &two];
    process::wait_until("both stream processors are ready", DEADLINE, || {
        let status = cluster.status();
        let states = status["ssps"].as_array().map(|ssps| ssps.iter().filter(|ssp| ssp["state"] == "ready").count());
        Ok((states == Some(2)).then_some(()))
    })
    .unwrap_or_else(|problem| panic!("{problem}: {}", cluster.status()));
    for number in 1001..1051 {
        cluster.write(number);
    }
    process::wait_until("everybody has what was written", DEADLINE, || {
        let replica = cluster.replica().value("RETURN count(SELECT VALUE id FROM note)")?;
        Ok((replica == 349 && both.iter().all(|ssp| ssp.lived().events.len() == 50)).then_some(()))
    })
    .unwrap();

    let held = cluster.before_replica.hold("INSERT");
    let job = cluster.restore();
    held.wait(DEADLINE).unwrap();
    cluster.is_shut("while the replica is loaded");
    let asked = cluster.scene.ask(SERVICE, "export", None);
    drop(held);
    let ended = cluster.scene.ended(&job);
    assert_eq!(ended["status"], "Succeeded", "{ended}\n{}", cluster.scene.host.log_tail());
    cluster.is_restored("after the restore");

    process::wait_until("both stream processors are taken in again", DEADLINE, || {
        let again = |ssp: &StreamProcessor| {
            let lived = ssp.lived();
            lived.unknown >= 1 && lived.registrations == 2
        };
        Ok(both.iter().all(|ssp| again(ssp)).then_some(()))
    })
    .unwrap_or_else(|problem| {
        panic!("{problem}: {:?}", both.map(|ssp| (ssp.lived().unknown, ssp.lived().registrations)))
    });
    let status = cluster.status();
    assert_eq!(status["buffered"], 0, "{status}");
    for ssp in both {
        assert_eq!(ssp.lived().rows.len(), 299, "what was written after the backup is gone");
    }
    // The cluster goes on, and a backup that was asked for in the middle waits for its end.
    cluster.scene.succeeds(&asked);
    cluster.write(2001);
    process::wait_until("life goes on", DEADLINE, || {
        Ok(both.iter().all(|ssp| ssp.lived().rows.contains_key("note:2001")).then_some(()))
    })
    .unwrap();
}

#[test]
fn a_damaged_front_door_closes_its_own_service_and_the_host_starts() {
    let mut cluster = Cluster::start();
    cluster.write(1001);
    let position = cluster.scene.host.dir().join("data/front-door").join(SERVICE).join("position.json");
    cluster.scene.host.stop(DEADLINE).unwrap();
    let good = fs::read(&position).unwrap();
    fs::write(&position, "{").unwrap();
    cluster.scene.host.launch(&[]).unwrap();
    let status = cluster.status();
    assert_eq!(status["state"], "closed", "{status}");
    assert!(status["reason"].as_str().unwrap().contains("position.json"), "{status}");
    let event = json!({"table": "note", "op": "DELETE", "id": "note:1", "record": {}});
    let refused = cluster.post("/ingest", &event);
    assert_eq!(refused.status, 503, "{}", refused.text());
    process::wait_until("the service says so", DEADLINE, || {
        let service = cluster.scene.get(&format!("/v1/services/{SERVICE}"));
        Ok(service["front_door_trouble"].is_string().then_some(()))
    })
    .unwrap();
    // What lies behind is backed up, and nothing of it is replaced.
    let asked = cluster.scene.ask(SERVICE, "export", None);
    cluster.scene.succeeds(&asked);
    let ended = cluster.scene.ended(&cluster.restore());
    assert_eq!(ended["status"], "Failed", "{ended}");
    assert_eq!(cluster.main().value("SELECT VALUE body FROM note:1001").unwrap(), json!(["written later"]));

    fs::write(&position, good).unwrap();
    cluster.scene.host.stop(DEADLINE).unwrap();
    cluster.scene.host.launch(&[]).unwrap();
    cluster.opens();
    let service = cluster.scene.get(&format!("/v1/services/{SERVICE}"));
    assert!(service["front_door_trouble"].is_null(), "{service}");
}

/// Where the host dies, and whether its restore had come to its end by then.
pub const HOST: &[(&str, bool)] = &[
    ("restore.closed", false),
    ("restore.begun", false),
    ("restore.main", false),
    ("restore.replica", false),
    ("restore.cleared", false),
    ("restore.migrated", false),
    ("restore.settled", true),
];

#[test]
fn a_restore_whose_host_is_killed_leaves_the_cluster_shut_until_another_ends_it() {
    let mut cluster = Cluster::start();
    for (fail_at, settled) in HOST {
        let tries = if *settled { "2" } else { "1" };
        cluster.scene.host.launch(&[("BULKHEAD_FAIL_AT", fail_at), ("BULKHEAD_LIMITS__ATTEMPTS_MAX", tries)]).unwrap();
        cluster.opens();
        cluster.write(1001);
        let job = cluster.restore();
        cluster.scene.host.wait_for_exit(DEADLINE).unwrap();
        cluster.scene.host.launch(&[]).unwrap();
        let ended = cluster.scene.ended(&job);
        if *settled {
            assert_eq!(ended["status"], "Succeeded", "{fail_at}: {ended}");
            cluster.is_restored(fail_at);
            continue;
        }
        assert_eq!(ended["status"], "Failed", "{fail_at}: {ended}");
        if *fail_at == "restore.closed" {
            // Nothing was replaced: all goes on as before.
            cluster.opens();
            assert_eq!(cluster.main().value("SELECT VALUE body FROM note:1001").unwrap(), json!(["written later"]));
        } else {
            cluster.is_shut(fail_at);
            cluster.refuses_backups(fail_at);
        }
        let again = cluster.scene.ended(&cluster.restore());
        assert_eq!(again["status"], "Succeeded", "{fail_at}: {again}\n{}", cluster.scene.host.log_tail());
        cluster.is_restored(fail_at);
    }
}

/// In the middle of which request a server dies.
const SERVERS: [&str; 4] = ["REMOVE DATABASE IF EXISTS `main`", "DEFINE TABLE", "INSERT", "CREATE migrated"];

#[test]
fn a_restore_whose_servers_are_killed_leaves_the_cluster_shut_until_another_ends_it() {
    let mut cluster = Cluster::start();
    for text in SERVERS {
        for of_main in [true, false] {
            let what = format!("{} dies at {text}", if of_main { "main" } else { "the replica" });
            let (wire, server) = match of_main {
                true => (&cluster.before_main, &cluster.main),
                false => (&cluster.before_replica, &cluster.replica),
            };
            let victim: Arc<SurrealDb> = Arc::clone(server);
            wire.set(text, move || victim.kill().unwrap());
            let ended = cluster.scene.ended(&cluster.restore());
            assert!(!wire.is_set(), "{what}: it did not come to that: {ended}");
            assert_eq!(ended["status"], "Failed", "{what}: {ended}");
            server.launch().unwrap();
            cluster.is_shut(&what);
            // Nor does it open by being started again.
            cluster.scene.host.stop(Duration::from_secs(60)).unwrap();
            cluster.scene.host.launch(&[]).unwrap();
            cluster.is_shut(&what);
            let again = cluster.scene.ended(&cluster.restore());
            assert_eq!(again["status"], "Succeeded", "{what}: {again}\n{}", cluster.scene.host.log_tail());
            cluster.is_restored(&what);
        }
    }
}
