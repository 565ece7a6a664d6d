//! Restores that nobody has to be afraid of: looked at before, with a way back, or beside.

use std::fs;
use std::sync::Arc;
use std::time::SystemTime;

use bulkhead_test_support::{Account, HostOptions, Ledger, MariaDb, MariaDbOptions, ServiceEntry, StandIn};
use serde_json::Value;

use super::scene::{SPARE, Scene, id, next_second};
use super::timelines::state;
use crate::scene::files;

fn with_spare(extra: &str) -> (Scene, Arc<MariaDb>) {
    let spare = Arc::new(MariaDb::start().unwrap());
    let host = HostOptions {
        services: vec![ServiceEntry::of(SPARE, &spare).account(Account::ADMIN)],
        extra: extra.to_owned(),
        ..HostOptions::default()
    };
    (Scene::with("", &MariaDbOptions::default(), host), spare)
}

/// Everything that a restore could change.
fn world(scene: &Scene) -> impl PartialEq + std::fmt::Debug {
    let stored: Vec<(String, SystemTime)> = files(&scene.host.bucket())
        .into_iter()
        .map(|path| (path.display().to_string(), fs::metadata(&path).unwrap().modified().unwrap()))
        .collect();
    let list = |noun: &str| scene.host.json(&[noun, "list"]).unwrap();
    (state(&scene.shop), scene.shop.pid(), stored, list("backup"), list("restore"), list("job"))
}

fn ids(rows: &Value) -> Vec<String> {
    rows.as_array().unwrap().iter().map(id).collect()
}

#[test]
fn a_dry_run_tells_all_and_changes_nothing() {
    let mut scene = Scene::start("");
    let full = scene.backup("full");
    scene.write(20);
    let link = scene.backup("incremental");
    let dump = scene.backup("dump");
    scene.write(20);
    let last = scene.pause();
    let logs = scene.backup("binarylog");
    let before = world(&scene);
    let dry = |arguments: &[&str]| {
        let mut all = vec!["backup", "restore"];
        all.extend(arguments);
        all.push("--dry-run");
        scene.host.json(&all).unwrap()
    };
    let gtid = scene.gtid_of(last);
    for (arguments, chain, replayed, in_place) in [
        (vec![id(&full)], vec![&full], vec![], true),
        (vec![id(&link)], vec![&full, &link], vec![], true),
        (vec![id(&link), "--gtid".into(), gtid.clone()], vec![&full, &link], vec![&logs], true),
        (vec![id(&dump)], vec![&dump], vec![], true),
        (vec![id(&dump), "--gtid".into(), gtid.clone()], vec![&dump], vec![&logs], true),
        (
            vec![id(&full), "--database".into(), "ledger".into(), "--as-database".into(), "other".into()],
            vec![&full],
            vec![],
            false,
        ),
    ] {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let shown = dry(&arguments);
        let what = format!("{arguments:?}: {shown}");
        assert_eq!(ids(&shown["backups"]), chain.iter().map(|backup| id(backup)).collect::<Vec<_>>(), "{what}");
        assert_eq!(ids(&shown["logs"]), replayed.iter().map(|backup| id(backup)).collect::<Vec<_>>(), "{what}");
        assert_eq!(shown["in_place"], in_place, "{what}");
        assert!(shown["plan"].as_str().unwrap().len() > 10 && shown["downtime"].as_str().unwrap().len() > 10, "{what}");
        let plain: u64 =
            shown["backups"].as_array().unwrap().iter().map(|row| row["plain_size"].as_u64().unwrap()).sum();
        assert!(plain > 0 && shown["disk_needed"].as_u64() > Some(plain), "{what}");
        assert!(shown["disk_free"].as_u64() > shown["disk_needed"].as_u64(), "{what}");
        assert!(shown["warnings"].to_string().contains("never restored in a drill"), "{what}");
    }
    // For people, the same in words.
    let printed = scene.host.run(&["backup", "restore", &id(&link), "--dry-run"]).unwrap().ok().unwrap().stdout;
    assert!(printed.contains(&id(&full)[..8]) && printed.contains("restart"), "{printed}");
    // What cannot be restored is refused in the same way as without it.
    let refused =
        scene.host.run(&["backup", "restore", "--point-in-time", "2020-01-01 00:00:00", "--dry-run"]).unwrap();
    assert_ne!(refused.code, Some(0), "{}", refused.stdout);
    assert!(before == world(&scene), "a dry run has changed something: {before:?} {:?}", world(&scene));
}

#[test]
fn a_safety_backup_comes_first_and_takes_a_restore_back() {
    let copier = StandIn::for_tool("mariadb-backup").unwrap();
    let mut scene = {
        let extra = format!("{}{}", crate::crash::scene::LIMITS, copier.toml());
        Scene::with("", &MariaDbOptions::default(), HostOptions { extra, ..HostOptions::default() })
    };
    let full = scene.backup("full");
    scene.write(20);
    scene.pause();
    scene.backup("binarylog");
    let early = scene.lines_of(&full) + 5;
    let gtid = scene.gtid_of(early);
    let live = state(&scene.shop);

    // When it cannot be made, nothing is restored.
    copier.behave("case \"$*\" in *--backup*) echo 'no backup today' >&2; exit 1;; esac").unwrap();
    let pid = scene.shop.pid();
    let ended = scene.host.run(&["backup", "restore", &id(&full), "--safety-backup", "--wait"]).unwrap();
    assert_ne!(ended.code, Some(0), "{}", ended.stdout);
    for words in ["the safety backup is failed", "no backup today", "nothing was restored"] {
        assert!(ended.stderr.contains(words), "{}", ended.stderr);
    }
    assert_eq!((state(&scene.shop), scene.shop.pid()), (live.clone(), pid));
    copier.behave("").unwrap();

    for arguments in [vec![id(&full)], vec![id(&full), "--gtid".to_owned(), gtid]] {
        let mut all = vec!["backup", "restore"];
        all.extend(arguments.iter().map(String::as_str));
        all.extend(["--safety-backup", "--wait"]);
        scene.host.json(&all).unwrap_or_else(|problem| panic!("{problem}\n{}", scene.host.log_tail()));
        assert_ne!(state(&scene.shop), live);
        let list = scene.host.json(&["backup", "list"]).unwrap();
        let safety = &list["backups"][0];
        assert_eq!((&safety["name"], &safety["status"]), (&"before-restore".into(), &"Succeeded".into()), "{safety}");
        scene.restore(&[&id(safety)]);
        assert_eq!(state(&scene.shop), live);
    }
}

#[test]
fn a_chain_and_a_moment_are_restored_on_another_service_while_the_first_goes_on() {
    let (mut scene, spare) = with_spare("");
    let full = scene.backup("full");
    scene.write(20);
    let link = scene.backup("incremental");
    scene.write(20);
    let lines = scene.pause();
    next_second(&scene.shop);
    let moment = next_second(&scene.shop);
    scene.go_on();
    scene.write(20);
    scene.backup("binarylog");
    let pid = scene.shop.pid();
    let uid = spare.value("SELECT @@server_uid").unwrap();
    let holds = |lines: u64| assert_eq!(Ledger::check(&spare).unwrap().lines, lines);

    scene.restore(&[&id(&link), "--to", SPARE]);
    holds(scene.lines_of(&link));
    scene.restore(&["--from-service", super::scene::SHOP, "--to", SPARE, "--point-in-time", &moment]);
    holds(lines);
    let one = scene.lines_of(&full) + 1;
    scene.restore(&[&id(&full), "--to", SPARE, "--gtid", &scene.gtid_of(one)]);
    holds(one);
    // It is the same server as before, with other data.
    assert_eq!(spare.value("SELECT @@server_uid").unwrap(), uid);
    scene.write(5);
    assert_eq!(scene.shop.pid(), pid, "the server that was backed up was restarted");
    // Its own history begins with its own backups: what the first has does not become its.
    let window = scene.host.json(&["service", "recovery-window", SPARE]).unwrap();
    assert_eq!(window["intervals"].as_array().map(Vec::len), Some(0), "{window}");
    let own = scene.host.backup(SPARE, "full").unwrap();
    spare.execute("DROP DATABASE ledger").unwrap();
    scene.restore(&[&own, "--to", SPARE]);
    holds(one);
    let said = scene.refused(&["--to", SPARE, "--point-in-time", &moment]);
    assert!(said.contains("recovery-window"), "{said}");
}
