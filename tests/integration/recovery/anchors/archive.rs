//! 1. A backup that failed or is empty is never a success.

use bulkhead_test_support::{HostOptions, MariaDbOptions, StandIn, process};
use serde_json::Value;

use crate::crash::scene::{LIMITS, PATIENCE};
use crate::recovery::scene::{SHOP, Scene, id};

/// Asks for a backup and waits for its end.
fn ended(scene: &Scene, method: &str) -> Value {
    let id = scene.host.create_backup(SHOP, method).unwrap();
    scene.host.wait_for("backup", &id, PATIENCE).unwrap()
}

/// It failed with these words, and nothing of it is kept.
fn failed(scene: &Scene, shown: &Value, what: &str, words: &str) {
    assert_eq!(shown["status"], "Failed", "{what}: {shown}");
    let message = shown["message"].as_str().unwrap();
    assert!(message.contains(words), "{what}: {message}");
    let folder = scene.host.bucket().join("acme").join(SHOP).join(id(shown));
    process::wait_until("nothing of it is kept", PATIENCE, || Ok((!folder.exists()).then_some(()))).unwrap();
}

#[test]
fn anchor_1_a_log_archive_that_is_cut_off_is_failed_and_the_next_one_goes_on_without_hole_or_duplicate() {
    let tool = StandIn::for_tool("mariadb-binlog").unwrap();
    let extra = format!("{LIMITS}attempts_max = 1\n{}", tool.toml());
    let mut scene = Scene::with("", &MariaDbOptions::default(), HostOptions { extra, ..HostOptions::default() });
    let full = scene.backup("full");
    scene.write(20);
    let before = scene.backup("binarylog");

    // Each time the server has closed a log already when the tool fails: the next one must not begin after it.
    for (what, behaviour, words) in [
        ("it fails at once", "echo 'no log today' >&2; exit 1", "no log today"),
        ("it writes nothing", "exit 0", "is empty"),
        ("it ends amid the log with exit code 0", r"printf '\376bin'; exit 0", ""),
        ("it fails amid the log", r"printf '\376bin'; echo 'lost connection' >&2; exit 1", "lost connection"),
        ("it is killed amid the log", r"printf '\376bin'; kill -9 $$", "killed by signal 9"),
        ("it sends something else", "head -c 3000000 /dev/urandom; exit 0", ""),
    ] {
        scene.write(10);
        tool.behave(behaviour).unwrap();
        let shown = ended(&scene, "binarylog");
        failed(&scene, &shown, what, words);
    }

    // The server dies amid the archiving, and the log that it wrote has no end.
    scene.write(10);
    tool.behave("case \"$*\" in *--read-from-remote-server*) exec sleep 1000;; esac").unwrap();
    let cut = scene.host.create_backup(SHOP, "binarylog").unwrap();
    // Not before it hangs: until then the script may still be read.
    let hung = || scene.host.tools().into_iter().find(|(_, line)| line.contains("sleep 1000"));
    let sleeper = process::wait_until("the tool hangs", PATIENCE, || Ok(hung())).unwrap();
    tool.behave("").unwrap();
    scene.write(10);
    scene.shop.kill().unwrap();
    process::kill(sleeper.0);
    let shown = scene.host.wait_for("backup", &cut, PATIENCE).unwrap();
    failed(&scene, &shown, "the server is lost", "");
    scene.shop.launch().unwrap();
    scene.write(10);

    let after = scene.backup("binarylog");
    let position = |backup: &Value, name: &str| backup["positions"][name].as_str().unwrap_or_default().to_owned();
    assert_eq!(position(&after, "timeline"), position(&before, "timeline"), "{after}");
    assert_eq!(position(&after, "gtid.start"), position(&before, "gtid.end"), "{after}");
    let lines = scene.pause();
    let last = scene.backup("binarylog");
    assert_eq!(position(&last, "gtid.start"), position(&after, "gtid.end"), "{last}");
    scene.restores_to(&[&id(&full), "--gtid", &scene.gtid_of(lines)], lines);
    let between = scene.lines_of(&full) + 60;
    scene.restores_to(&[&id(&full), "--gtid", &scene.gtid_of(between)], between);
}

#[test]
fn anchor_1_an_incremental_whose_tool_fails_lies_or_hangs_is_failed_and_a_retry_makes_a_whole_one() {
    let tool = StandIn::for_tool("mariadb-backup").unwrap();
    let extra = format!("{LIMITS}{}", tool.toml());
    let mut scene = Scene::with("", &MariaDbOptions::default(), HostOptions { extra, ..HostOptions::default() });
    let full = scene.backup("full");
    scene.write(20);
    let behave = |lines: &str| tool.behave(&format!("case \"$*\" in *--backup*) {lines};; esac")).unwrap();

    let limits = [("BULKHEAD_LIMITS__ATTEMPTS_MAX", "1"), ("BULKHEAD_LIMITS__ATTEMPT_DEADLINE", "5s")];
    scene.host.launch(&limits).unwrap();
    for (what, behaviour, words) in [
        ("it does nothing", "exit 0", "without saying `completed OK!`"),
        ("it never says that it has completed", "exec \"$real\" \"$@\" 2>/dev/null", "without saying `completed OK!`"),
        ("it says so of nothing", "echo 'completed OK!' >&2; exit 0", ""),
        ("it copies to nowhere", "exec \"$real\" \"$@\" >/dev/null", "nothing came out of it"),
        ("it ends amid the stream", "head -c 3000000 /dev/urandom; exit 0", "without saying `completed OK!`"),
        ("it sends something else", "head -c 3000000 /dev/urandom; echo 'completed OK!' >&2; exit 0", "did not write"),
        ("it is killed", "head -c 3000000 /dev/urandom; kill -9 $$", "killed by signal 9"),
        ("it hangs", "head -c 3000000 /dev/urandom; exec sleep 1000", "longer than 5 s"),
    ] {
        behave(behaviour);
        let shown = ended(&scene, "incremental");
        failed(&scene, &shown, what, words);
        assert!(scene.host.tools().is_empty(), "{what}: {:?}", scene.host.tools());
    }

    // The first try is lost amid its stream, the second one is whole: one backup, which holds what it says.
    scene.host.launch(&[]).unwrap();
    behave("head -c 3000000 /dev/urandom; exec sleep 1000");
    let again = scene.host.create_backup(SHOP, "incremental").unwrap();
    let job = scene.show(&again)["job_id"].as_str().unwrap().to_owned();
    process::wait_until("the stream runs", PATIENCE, || {
        Ok((scene.host.json(&["job", "show", &job])?["plain_bytes"].as_u64() > Some(0)).then_some(()))
    })
    .unwrap();
    scene.host.kill().unwrap();
    tool.behave("").unwrap();
    scene.host.launch(&[]).unwrap();
    let shown = scene.host.wait_for("backup", &again, PATIENCE).unwrap();
    assert_eq!((&shown["status"], &shown["parent_id"]), (&"Succeeded".into(), &full["id"]), "{shown}");
    assert_eq!(scene.host.json(&["job", "show", &job]).unwrap()["attempts_made"], 2);
    scene.write(20);
    scene.pause();
    let lines = scene.lines_of(&shown);
    assert!(lines > scene.lines_of(&full));
    scene.restores_to(&[&again], lines);
}
