//! The host is killed at every step of a backup, a restore and a deletion. Then: the backup is absent or restorable, the restore
//! finished or undone, the deletion done; nothing waits for ever, nothing is left behind, and the next run works.

pub mod scene;

use std::fs;

use bulkhead_test_support::{Snapshot, process, workspace};
use serde_json::Value;

use crate::{front_door, resets};
use scene::{PLAIN, SERVICE, Scene};

/// How it ends after the host was killed and another one came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// A backup: restorable. A restore: the restored state. A deletion: nothing of the backup is left.
    Done,
    /// A backup: failed, nothing of it is left. A restore: failed, the old state. A deletion: failed, and done when it is asked for again.
    Failed,
}
use End::{Done, Failed};

/// Fail point, method, how often the job may be tried, how it ends.
type Case = (&'static str, &'static str, u32, End);

const BACKUPS: &[Case] = &[
    ("backup.claimed", "full", 3, Done),
    ("backup.claimed", "dump", 1, Failed),
    ("backup.object-stored", "dump", 3, Done),
    ("backup.object-stored", "full", 1, Failed),
    ("backup.objects-stored", "full", 3, Done),
    ("backup.objects-stored", "dump", 1, Failed),
    ("backup.manifest-stored", "full", 3, Done),
    ("backup.manifest-stored", "dump", 1, Failed),
    ("backup.recorded", "full", 1, Done),
];

const RESTORES: &[Case] = &[
    ("restore.claimed", "full", 1, Failed),
    ("restore.claimed", "dump", 3, Done),
    ("restore.checked", "dump", 1, Failed),
    ("restore.checked", "full", 3, Done),
    // With a single try, what recovery alone makes of it is seen.
    ("restore.swap.journaled", "full", 1, Failed),
    ("restore.swap.stopped", "full", 1, Failed),
    ("restore.swap.renamed-old", "full", 1, Failed),
    ("restore.swap.renamed-old", "full", 3, Done),
    ("restore.swap.renamed-new", "full", 1, Done),
    ("restore.swap.started", "full", 1, Done),
    ("restore.swap.answered", "full", 1, Done),
    ("restore.swap.discarded", "full", 1, Done),
    ("restore.swap.rolled-back", "full", 1, Failed),
    // The service is closed then, and the next restore opens it.
    ("restore.begun", "live", 1, Failed),
    ("restore.begun", "live", 3, Done),
    ("restore.main", "full", 1, Done),
    ("restore.main", "live", 3, Done),
    // Loaded beside the live data.
    ("restore.loaded", "dump", 1, Failed),
    ("restore.loaded", "dump", 3, Done),
    // Nothing is done a second time: the next attempt finds that nothing is left to do.
    ("restore.settled", "full", 1, Done),
    ("restore.settled", "dump", 3, Done),
    ("restore.done", "full", 1, Done),
    ("restore.done", "full", 3, Done),
    ("restore.done", "dump", 3, Done),
];

const DELETIONS: &[Case] = &[
    ("expire.claimed", "dump", 3, Done),
    ("expire.object-deleted", "dump", 3, Done),
    ("expire.objects-deleted", "full", 3, Done),
    ("expire.manifest-deleted", "dump", 3, Done),
    ("expire.object-deleted", "dump", 1, Failed),
    ("expire.manifest-deleted", "dump", 1, Failed),
];

/// A moment and a drill: apart from the live server, until what was restored takes its place. With tries left they are done.
const APART: &[Case] = &[
    ("restore.replayed", "full", 3, Done),
    ("restore.replayed", "dump", 3, Done),
    ("restore.replayed", "full", 1, Failed),
    ("drill.restored", "full", 3, Done),
    ("drill.restored", "dump", 3, Done),
    ("drill.restored", "full", 1, Failed),
];

/// A copy into another target. With tries left it is there.
const COPIES: &[Case] = &[
    ("copy.object-stored", "dump", 3, Done),
    ("copy.manifest-stored", "dump", 3, Done),
    ("copy.object-stored", "dump", 1, Failed),
    ("copy.manifest-stored", "dump", 1, Failed),
];

/// Fail points are added by whoever adds a step; this is where they are reminded of its case.
#[test]
fn every_fail_point_has_a_case() {
    let source = fs::read_to_string(workspace::root().join("host/engine/src/failpoint.rs")).unwrap();
    let (_, table) = source.split_once("pub const ALL").unwrap();
    let (table, _) = table.split_once("];").unwrap();
    let names: Vec<&str> = table
        .lines()
        .filter_map(|line| line.trim().strip_prefix("(\"")?.split_once('"'))
        .map(|(name, _)| name)
        .collect();
    assert!(names.len() >= 20, "the table is read wrongly: {names:?}");
    let cases = [BACKUPS, RESTORES, APART, COPIES, DELETIONS].concat().into_iter().map(|case| case.0);
    let cases: Vec<&str> = cases.chain(front_door::HOST.iter().map(|case| case.0)).chain(resets::FAIL_POINTS).collect();
    let without: Vec<_> = names.iter().filter(|name| !cases.contains(name)).collect();
    assert!(without.is_empty(), "no case for {without:?}");
    let unknown: Vec<_> = cases.iter().filter(|case| !names.contains(case)).collect();
    assert!(unknown.is_empty(), "no fail point {unknown:?}");
}

#[test]
fn a_backup_whose_host_is_killed_at_any_step_is_absent_or_restorable() {
    let mut scene = Scene::set();
    for (number, (fail_at, method, attempts, end)) in BACKUPS.iter().enumerate() {
        let (what, name) = (format!("{fail_at}, {method}, {attempts} tries"), format!("crash-{number}"));
        scene.die_at(
            fail_at,
            *attempts,
            &["backup", "create", "--service", SERVICE, "--type", method, "--name", &name],
        );
        scene.settle(&what);
        let shown = scene.backup(&name);
        let id = shown["id"].as_str().unwrap().to_owned();
        match end {
            Done => {
                assert_eq!(shown["status"], "Succeeded", "{what}: {shown}");
                scene.verify(&id, &what);
                // What was adopted, and what was made by a second attempt beside the first one's objects.
                if ["backup.manifest-stored", "backup.object-stored"].contains(fail_at) {
                    scene.host.restore(&id, SERVICE).unwrap();
                    scene.assert_holds(&scene.live, &what);
                }
            }
            Failed => {
                assert_eq!(shown["status"], "Failed", "{what}: {shown}");
                assert!(shown["message"].as_str().unwrap().contains("was lost"), "{what}: {shown}");
                let refused = scene.host.run(&["backup", "restore", &id]).unwrap();
                assert_ne!(refused.code, Some(0), "{what}: a failed backup was restored");
            }
        }
        scene.assert_clean(&what);
        if *end == Failed {
            let folder = scene.host.bucket().join("acme").join(SERVICE).join(&id);
            assert!(!folder.exists(), "{what}: {} is left", folder.display());
        }
    }
    scene.assert_holds(&scene.live, "backups touch nothing");
    scene.prove_it_works();
}

#[test]
fn a_restore_whose_host_is_killed_at_any_step_is_done_or_undone() {
    let mut scene = Scene::set();
    for (fail_at, method, attempts, end) in RESTORES {
        let what = format!("{fail_at}, {method}, {attempts} tries");
        scene.go_live();
        if *fail_at == "restore.swap.rolled-back" {
            scene.break_next_start();
        }
        let backup = scene.backup_by(method).to_owned();
        let to = if *method == "live" { PLAIN } else { SERVICE };
        let before = scene.newest_restore_of(to).map(|restore| restore["id"].clone());
        scene.die_at(fail_at, *attempts, &["backup", "restore", &backup, "--to", to]);
        scene.settle(&what);
        let restore = scene.newest_restore_of(to).unwrap();
        assert_ne!(Some(restore["id"].clone()), before, "{what}: no restore was begun");
        let (status, state) = match end {
            Done => ("Succeeded", &scene.saved),
            Failed => ("Failed", &scene.live),
        };
        assert_eq!(restore["status"], status, "{what}: {restore}\n{}", scene.host.log_tail());
        scene.assert_holds(state, &what);
        if (*fail_at, *end) == ("restore.begun", Failed) {
            scene.open_again();
        }
        scene.assert_clean(&what);
    }
    scene.prove_it_works();
}

#[test]
fn a_throw_away_server_whose_host_is_killed_is_gone_and_has_touched_nothing() {
    let mut scene = Scene::set();
    // What the logs lead to from each backup: the live state, and the one of now.
    let logs = scene.host.backup(SERVICE, "binarylog").unwrap();
    let gtid = scene.backup(&logs)["positions"]["gtid.end"].as_str().unwrap().to_owned();
    scene.server.execute("CREATE TABLE crash.later (id INT); INSERT INTO crash.later VALUES (1)").unwrap();
    let now = Snapshot::take(&scene.server).unwrap();
    for (fail_at, method, attempts, end) in APART {
        let what = format!("{fail_at}, {method}, {attempts} tries");
        let id = scene.backup_by(method).to_owned();
        let pid = scene.server.pid();
        let untouched = |scene: &Scene| {
            scene.assert_holds(&now, &what);
            assert_eq!(scene.server.pid(), pid, "{what}: the server was restarted");
        };
        if *fail_at == "drill.restored" {
            scene.die_at(fail_at, *attempts, &["backup", "verify", &id, "--level", "drill"]);
            process::wait_until("the drill has ended", scene::PATIENCE, || {
                let list = scene.host.json(&["job", "list"])?;
                let jobs = scene::rows(&list, "jobs");
                let drill = jobs.iter().find(|job| job["kind"] == "verify").cloned();
                let ended = |job: &Value| matches!(job["status"].as_str(), Some("Succeeded" | "Failed"));
                Ok(drill
                    .filter(ended)
                    .map(|job| assert_eq!(job["status"] == "Succeeded", *end == Done, "{what}: {job}")))
            })
            .unwrap_or_else(|problem| panic!("{what}: {problem}\n{}", scene.host.log_tail()));
            let shown = scene.backup(&id);
            assert!(shown["suspect"].is_null(), "{what}: {shown}");
            if *end == Done {
                assert_eq!(shown["verified_level"], "drill", "{what}: {shown}");
            }
            untouched(&scene);
        } else {
            scene.die_at(fail_at, *attempts, &["backup", "restore", &id, "--gtid", &gtid]);
            if *end == Failed {
                scene.settle(&what);
                untouched(&scene);
            }
            scene.settle(&what);
            let restore = scene.newest_restore().unwrap();
            assert_eq!(restore["status"] == "Succeeded", *end == Done, "{what}: {restore}");
            if *end == Done {
                scene.assert_holds(&scene.live, &what);
                scene.server.execute("CREATE TABLE crash.later (id INT); INSERT INTO crash.later VALUES (1)").unwrap();
            }
        }
        scene.assert_clean(&what);
    }
    scene.prove_it_works();
}

#[test]
fn a_copy_whose_host_is_killed_at_any_step_is_there_or_can_be_made_again() {
    let mut scene = Scene::set();
    let offsite = scene.offsite();
    for (fail_at, method, attempts, end) in COPIES {
        let what = format!("{fail_at}, {method}, {attempts} tries");
        let id = scene.host.backup(SERVICE, method).unwrap();
        scene.die_at(fail_at, *attempts, &["backup", "copy", &id, "--to", "offsite"]);
        let copied = process::wait_until("the copy has ended", scene::PATIENCE, || {
            let copy = scene.backup(&id)["copies"][0]["status"].clone();
            Ok((copy != "Scheduled").then_some(copy))
        })
        .unwrap_or_else(|problem| panic!("{what}: {problem}\n{}", scene.host.log_tail()));
        assert_eq!(copied == "Succeeded", *end == Done, "{what}: {copied}");
        if *end == Failed {
            let again = scene.host.run(&["backup", "copy", &id, "--to", "offsite"]).unwrap().ok();
            again.unwrap_or_else(|problem| panic!("{what}: {problem}\n{}", scene.host.log_tail()));
        }
        let held = |root: &std::path::Path| {
            let mut held: Vec<_> = crate::scene::files(&root.join("acme").join(SERVICE).join(&id))
                .into_iter()
                .map(|file| (file.file_name().unwrap().to_owned(), fs::read(&file).unwrap()))
                .collect();
            held.sort();
            held
        };
        assert!(held(&scene.host.bucket()) == held(&offsite), "{what}: the copy is another one");
    }
    scene.prove_it_works();
}

#[test]
fn a_deletion_whose_host_is_killed_at_any_step_ends_deleted() {
    let mut scene = Scene::set();
    for (fail_at, method, attempts, end) in DELETIONS {
        let what = format!("{fail_at}, {method}, {attempts} tries");
        let id = scene.host.backup(SERVICE, method).unwrap();
        let folder = scene.host.bucket().join("acme").join(SERVICE).join(&id);
        assert!(folder.is_dir(), "{}", folder.display());
        scene.die_at(fail_at, *attempts, &["backup", "delete", &id]);
        if *end == Failed {
            let again = scene.host.run(&["backup", "delete", &id]).unwrap().ok();
            again.unwrap_or_else(|problem| panic!("{what}: {problem}\n{}", scene.host.log_tail()));
        }
        process::wait_until("the backup is deleted", scene::PATIENCE, || {
            let list = scene.host.json(&["backup", "list"])?;
            Ok((!scene::rows(&list, "backups").iter().any(|row| row["id"] == *id)).then_some(()))
        })
        .unwrap_or_else(|problem| panic!("{what}: {problem}\n{}", scene.host.log_tail()));
        let refused = scene.host.run(&["backup", "restore", &id]).unwrap();
        assert_ne!(refused.code, Some(0), "{what}: a deleted backup was restored");
        scene.assert_clean(&what);
        assert!(!folder.exists(), "{what}: {} is left", folder.display());
    }
    // The others are untouched.
    for id in [&scene.full, &scene.dump] {
        scene.verify(id, "another backup");
    }
    scene.prove_it_works();
}

#[test]
fn a_backup_whose_host_is_killed_in_mid_stream_is_made_again() {
    let mut scene = Scene::set();
    let wait = "head -c 4000000 /dev/urandom\nexec sleep 1000";
    scene.tool.behave(&format!("case \"$*\" in *--backup*) {wait};; esac")).unwrap();
    let before = scene.newest_job("backup");
    let client = scene.order(&["backup", "create", "--service", SERVICE, "--name", "stream"]);
    scene.wait_for_bytes("backup", before.as_ref());
    assert!(!scene.host.tools().is_empty(), "no tool runs: nothing would be proved");
    scene.kill(client);
    scene.tool.behave("").unwrap();
    scene.come_back();
    scene.settle("the backup");
    let shown = scene.backup("stream");
    assert_eq!(shown["status"], "Succeeded", "{shown}");
    // The storage plugin gives a file that is being written a day before it takes it for abandoned.
    assert!(!scene.host.leftovers(&[]).unwrap().is_empty(), "the killed stream left nothing: nothing would be proved");
    scene.host.age_leftovers().unwrap();
    scene.assert_clean("the backup");
    scene.verify("stream", "the backup");
    scene.server.execute("DROP DATABASE shop").unwrap();
    scene.host.restore("stream", SERVICE).unwrap();
    scene.assert_holds(&scene.live, "the backup");
}

#[test]
fn a_restore_whose_host_is_killed_in_mid_stream_is_done_in_the_end() {
    let mut scene = Scene::set();

    for what in ["unpacking", "preparing"] {
        let full = scene.full.clone();
        let before = scene.newest_job("restore");
        match what {
            "unpacking" => scene.unpack.behave("head -c 4000000 >/dev/null\nexec sleep 1000").unwrap(),
            _ => scene.tool.behave("case \"$*\" in *--prepare*) exec sleep 1000;; esac").unwrap(),
        }
        let client = scene.order(&["backup", "restore", &full]);
        scene.wait_for_bytes("restore", before.as_ref());
        if what == "preparing" {
            process::wait_until("it prepares", scene::PATIENCE, || {
                Ok(scene.host.tools().iter().any(|(_, line)| line.contains("sleep 1000")).then_some(()))
            })
            .unwrap();
        }
        scene.kill(client);
        // All that is done was done beside the live data.
        scene.assert_holds(&scene.live, what);
        scene.unpack.behave("").unwrap();
        scene.tool.behave("").unwrap();
        scene.come_back();
        scene.settle(what);
        assert_eq!(scene.newest_restore().unwrap()["status"], "Succeeded", "{what}");
        scene.assert_holds(&scene.saved, what);
        scene.assert_clean(what);
        scene.go_live();
    }

    // The database `crash` is loaded, that of the shop is not yet: the live server is in between.
    let what = "loading a dump";
    let dump = scene.dump.clone();
    let lock = scene.lock("START TRANSACTION; SELECT COUNT(*) FROM shop.bytes");
    let client = scene.order(&["backup", "restore", &dump, "--to", PLAIN]);
    scene.wait_for_waiter("Waiting for table metadata lock%");
    scene.kill(client);
    assert_eq!(scene.server.value("SELECT word FROM crash.marker").unwrap(), "saved");
    drop(lock);
    scene.come_back();
    scene.settle(what);
    assert_eq!(scene.newest_restore_of(PLAIN).unwrap()["status"], "Succeeded", "{what}");
    scene.assert_holds(&scene.saved, what);
    scene.prove_it_works();
}
