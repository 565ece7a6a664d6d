//! Jobs that are stopped: on request, by their deadline, by a host that goes down.

use std::time::{Duration, Instant};

use bulkhead_test_support::{BulkheadHost, HostOptions, MariaDb, ServiceEntry, process, workspace};

use crate::crash::scene::{LIMITS, PATIENCE, SERVICE, Scene};

const HANG: &str = "case \"$*\" in *--backup*) head -c 4000000 /dev/urandom; exec sleep 1000;; esac";

/// A job that is cancelled ends within seconds; the rest is for a busy machine.
const SECONDS: Duration = Duration::from_secs(30);

#[test]
fn a_cancelled_job_ends_within_seconds_and_leaves_nothing() {
    let mut scene = Scene::set();
    let pid = scene.server.pid();

    scene.tool.behave(HANG).unwrap();
    let before = scene.newest_job("backup");
    let client = scene.order(&["backup", "create", "--service", SERVICE]);
    scene.wait_for_bytes("backup", before.as_ref());
    cancel(&scene, "backup");
    finish(client);

    for (what, behaviour) in [
        ("unpacking", "head -c 4000000 >/dev/null; exec sleep 1000"),
        ("preparing", "case \"$*\" in *--prepare*) exec sleep 1000;; esac"),
        ("loading", "exec sleep 1000"),
    ] {
        let (stand_in, backup) = match what {
            "unpacking" => (&scene.unpack, &scene.full),
            "preparing" => (&scene.tool, &scene.full),
            _ => (&scene.client, &scene.dump),
        };
        stand_in.behave(behaviour).unwrap();
        let client = scene.order(&["backup", "restore", backup]);
        process::wait_until("the tool hangs", PATIENCE, || {
            Ok(scene.host.tools().iter().any(|(_, line)| line.contains("sleep 1000")).then_some(()))
        })
        .unwrap();
        cancel(&scene, "restore");
        finish(client);
        stand_in.behave("").unwrap();
        assert_eq!(scene.server.pid(), pid, "{what}: the server was restarted");
        scene.assert_holds(&scene.live, what);
    }
    scene.tool.behave("").unwrap();

    // The attempt's own deadline does the same, and says so.
    scene.host.launch(&[("BULKHEAD_LIMITS__ATTEMPT_DEADLINE", "3s"), ("BULKHEAD_LIMITS__ATTEMPTS_MAX", "1")]).unwrap();
    scene.tool.behave(HANG).unwrap();
    let id = scene.host.create_backup(SERVICE, "full").unwrap();
    let shown = scene.host.wait_for("backup", &id, PATIENCE).unwrap();
    assert_eq!(shown["status"], "Failed", "{shown}");
    assert!(shown["message"].as_str().unwrap().contains("longer than 3 s"), "{shown}");
    scene.assert_clean("the deadline");
    scene.tool.behave("").unwrap();
    scene.host.launch(&[]).unwrap();
    scene.prove_it_works();
}

/// Cancels the newest job of a kind and sees it end cancelled, with nothing left.
fn cancel(scene: &Scene, noun: &str) {
    let job = scene.newest_job(noun).unwrap();
    scene.host.run(&["job", "cancel", &job]).unwrap().ok().unwrap();
    let asked = Instant::now();
    let ended = scene.host.wait_for("job", &job, SECONDS).unwrap();
    assert_eq!(ended["status"], "Cancelled", "{ended}");
    assert!(asked.elapsed() < SECONDS, "{:?}", asked.elapsed());
    scene.settle(noun);
    scene.assert_clean(&format!("a cancelled {noun}"));
}

/// The command ends with its job.
fn finish(mut client: std::process::Child) {
    process::wait_until("the command ends", PATIENCE, || Ok(client.try_wait()?)).unwrap();
}

#[test]
fn a_plugin_that_hangs_is_cancelled_within_seconds() {
    let server = MariaDb::start().unwrap();
    let (guests, root) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for guest in ["hangs", "keeps_stream_open", "hangs_on_put"] {
        let guest = workspace::guest(guest);
        std::fs::copy(&guest, guests.path().join(guest.file_name().unwrap())).unwrap();
    }
    let target = format!(
        "[plugins.hangs-on-put]\ngrants = [\"directory:root\"]\n\
         [[target]]\nid = \"hangs-on-put\"\nplugin = \"hangs-on-put\"\nconfig = {{ root = \"{}\" }}\n",
        root.path().display()
    );
    let host = BulkheadHost::start(HostOptions {
        services: vec![ServiceEntry::of(SERVICE, &server)],
        plugin_dir: Some(guests.path().to_owned()),
        extra: format!("{LIMITS}{target}"),
        ..HostOptions::default()
    })
    .unwrap();
    for (method, target) in [("hangs", "managed"), ("keeps-stream-open", "managed"), ("full", "hangs-on-put")] {
        let what = format!("{method} to {target}");
        let created = host.json(&["backup", "create", "--type", method, "--target", target]).unwrap();
        let job = created["job_id"].as_str().unwrap();
        process::wait_until("the job runs", PATIENCE, || {
            let shown = host.json(&["job", "show", job])?;
            assert_ne!(shown["status"], "Failed", "{what}: {shown}");
            Ok((shown["status"] == "Running").then_some(()))
        })
        .unwrap_or_else(|problem| panic!("{what}: {problem}\n{}", host.log_tail()));
        host.run(&["job", "cancel", job]).unwrap().ok().unwrap();
        let ended = host.wait_for("job", job, SECONDS);
        let ended = ended.unwrap_or_else(|problem| panic!("{what}: {problem}\n{}", host.log_tail()));
        assert_eq!(ended["status"], "Cancelled", "{what}: {ended}");
        host.wait_until_clean(&[&server], PATIENCE).unwrap();
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 0, "{what}: something is left in the target");
    }
    let id = host.backup(SERVICE, "full").unwrap();
    host.restore(&id, SERVICE).unwrap();
}

#[test]
fn a_host_that_is_told_to_stop_lets_work_end_within_its_bound_and_leaves_the_rest_to_the_next() {
    let mut scene = Scene::set();

    // Ends within the bound: nothing is lost, and the host stops as soon as it is done.
    scene.tool.behave("case \"$*\" in *--backup*) sleep 2;; esac").unwrap();
    let id = scene.host.create_backup(SERVICE, "full").unwrap();
    process::wait_until("the tool runs", PATIENCE, || Ok((!scene.host.tools().is_empty()).then_some(()))).unwrap();
    assert_eq!(scene.host.stop(PATIENCE).unwrap(), Some(0), "{}", scene.host.log_tail());
    scene.tool.behave("").unwrap();
    scene.come_back();
    let shown = scene.backup(&id);
    assert_eq!(shown["status"], "Succeeded", "{shown}");
    assert_eq!(attempts(&scene, &shown), 1, "{shown}");
    scene.verify(&id, "a backup that was let to its end");

    // Does not: it is stopped, and made by the next host.
    scene.host.launch(&[("BULKHEAD_SERVER__SHUTDOWN_DEADLINE", "1s")]).unwrap();
    scene.tool.behave(HANG).unwrap();
    let before = scene.newest_job("backup");
    let id = scene.host.create_backup(SERVICE, "full").unwrap();
    scene.wait_for_bytes("backup", before.as_ref());
    let asked = Instant::now();
    assert_eq!(scene.host.stop(PATIENCE).unwrap(), Some(0), "{}", scene.host.log_tail());
    assert!(asked.elapsed() < SECONDS, "it took {:?} to stop", asked.elapsed());
    scene.tool.behave("").unwrap();
    scene.come_back();
    scene.settle("the backup of the next host");
    let shown = scene.backup(&id);
    assert_eq!(shown["status"], "Succeeded", "{shown}");
    assert_eq!(attempts(&scene, &shown), 2, "{shown}");
    scene.assert_clean("the backup of the next host");
    scene.host.restore(&id, SERVICE).unwrap();
    scene.assert_holds(&scene.live, "the backup of the next host");
}

fn attempts(scene: &Scene, backup: &serde_json::Value) -> u64 {
    let job = backup["job_id"].as_str().unwrap();
    scene.host.json(&["job", "show", job]).unwrap()["attempts_made"].as_u64().unwrap()
}
