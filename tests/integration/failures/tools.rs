//! Tools that fail, die or lie, before, amid and after their streams.

use crate::crash::scene::{PATIENCE, SERVICE, Scene};

/// What happens; the method; what the tool does instead of its work; what the failure says.
type Row = (&'static str, &'static str, &'static str, &'static str);

const BACKUPS: &[Row] = &[
    ("it fails before the stream", "full", "echo 'no stream today' >&2; exit 1", "exit code 1: no stream today"),
    (
        "it fails amid the stream",
        "full",
        "head -c 3000000 /dev/urandom; echo 'no more stream' >&2; exit 1",
        "exit code 1: no more stream",
    ),
    ("it is killed amid the stream", "full", "head -c 3000000 /dev/urandom; kill -9 $$", "killed by signal 9"),
    (
        "it fails after the stream",
        "full",
        "head -c 3000000 /dev/urandom; echo 'completed OK!' >&2; exit 1",
        "exit code 1",
    ),
    (
        "it never says that it has completed",
        "full",
        "exec \"$real\" \"$@\" 2>/dev/null",
        "without saying `completed OK!`",
    ),
    (
        "it has copied something that is no backup",
        "full",
        "head -c 3000000 /dev/urandom; echo 'completed OK!' >&2; exit 0",
        "the tool did not write",
    ),
    ("it does nothing", "full", "exit 0", "without saying `completed OK!`"),
    ("it copies everything to nowhere", "full", "exec \"$real\" \"$@\" >/dev/null", "nothing came out of it"),
    ("it fails before the stream", "dump", "echo 'no dump today' >&2; exit 2", "exit code 2: no dump today"),
    (
        "it fails amid the stream",
        "dump",
        "echo '-- MariaDB dump'; echo 'CREATE DATABASE half;'; echo 'no more dump' >&2; exit 2",
        "exit code 2: no more dump",
    ),
    ("it is killed amid the stream", "dump", "echo '-- MariaDB dump'; kill -11 $$", "killed by signal 11"),
    (
        "its dump has no end",
        "dump",
        "echo '-- MariaDB dump'; echo 'CREATE DATABASE half;'; exit 0",
        "does not end with `-- Dump completed`",
    ),
];

#[test]
fn a_backup_whose_tool_fails_is_failed_and_nothing_of_it_is_kept() {
    let mut scene = Scene::set();
    scene.host.launch(&[("BULKHEAD_LIMITS__ATTEMPTS_MAX", "2")]).unwrap();
    for (what, method, behaviour, words) in BACKUPS {
        let what = format!("{method}: {what}");
        if *method == "full" {
            scene.tool.behave(&format!("case \"$*\" in *--backup*) {behaviour};; esac")).unwrap();
        } else {
            scene.dumper.behave(behaviour).unwrap();
        }
        let id = scene.host.create_backup(SERVICE, method).unwrap();
        let shown = scene.host.wait_for("backup", &id, PATIENCE).unwrap();
        assert_eq!(shown["status"], "Failed", "{what}: {shown}");
        let message = shown["message"].as_str().unwrap();
        assert!(message.contains(words), "{what}: {message}");
        scene.assert_clean(&what);
        let folder = scene.host.bucket().join("acme").join(SERVICE).join(&id);
        assert!(!folder.exists(), "{what}: {} is left", folder.display());
    }
    scene.tool.behave("").unwrap();
    scene.dumper.behave("").unwrap();
    scene.assert_holds(&scene.live, "backups touch nothing");
    scene.prove_it_works();
}

/// What happens; the tool; what it does; what the failure says.
const RESTORES: &[Row] = &[
    ("it fails at once", "mbstream", "echo 'cannot unpack' >&2; exit 1", "exit code 1: cannot unpack"),
    ("it fails amid the stream", "mbstream", "head -c 100000 >/dev/null; echo 'torn' >&2; exit 1", "exit code 1: torn"),
    ("it ends amid the stream", "mbstream", "head -c 100000 >/dev/null; exit 0", "mbstream"),
    ("it is killed amid the stream", "mbstream", "head -c 100000 >/dev/null; kill -9 $$", "killed by signal 9"),
    ("it unpacks nothing", "mbstream", "cat >/dev/null; exit 0", "mariadb-backup"),
    ("it fails", "mariadb-backup", "echo 'cannot prepare' >&2; exit 1", "exit code 1: cannot prepare"),
    ("it does nothing", "mariadb-backup", "exit 0", "without saying `completed OK!`"),
    ("it fails before it has loaded anything", "mariadb", "echo 'cannot load' >&2; exit 1", "exit code 1: cannot load"),
];

#[test]
fn a_restore_whose_tool_fails_does_not_touch_the_database() {
    let mut scene = Scene::set();
    scene.host.launch(&[("BULKHEAD_LIMITS__ATTEMPTS_MAX", "2")]).unwrap();
    let pid = scene.server.pid();
    for (what, tool, behaviour, words) in RESTORES {
        let what = format!("{tool}: {what}");
        let (stand_in, backup) = match *tool {
            "mbstream" => (&scene.unpack, &scene.full),
            "mariadb-backup" => (&scene.tool, &scene.full),
            _ => (&scene.client, &scene.dump),
        };
        stand_in.behave(behaviour).unwrap();
        let ended = scene.host.run(&["backup", "restore", backup]).unwrap();
        assert_eq!(ended.code, Some(1), "{what}: {ended:?}");
        assert!(ended.stderr.contains(words), "{what}: {ended:?}");
        assert_eq!(scene.newest_restore().unwrap()["status"], "Failed", "{what}");
        stand_in.behave("").unwrap();
        assert_eq!(scene.server.pid(), pid, "{what}: the server was restarted");
        scene.assert_holds(&scene.live, &what);
        scene.assert_clean(&what);
    }
    scene.prove_it_works();
}

/// The tool says that it has prepared the data, and has ruined it.
const RUIN: &str = "for word in \"$@\"; do case \"$word\" in --target-dir=*) rm \"${word#*=}\"/ibdata1;; esac; done
    case \"$*\" in *--prepare*) echo 'completed OK!' >&2; exit 0;; esac";

#[test]
fn a_restored_server_that_does_not_come_up_makes_room_for_the_old_one() {
    let scene = Scene::set();
    for what in ["the start command fails", "the restored data is broken"] {
        if what == "the start command fails" {
            scene.break_next_start();
        } else {
            scene.tool.behave(RUIN).unwrap();
        }
        let ended = scene.host.run(&["backup", "restore", &scene.full]).unwrap();
        assert_eq!(ended.code, Some(1), "{what}: {ended:?}");
        for words in ["the server did not come up", "the old data is back in place and its server answers"] {
            assert!(ended.stderr.contains(words), "{what}: {ended:?}");
        }
        let restore = scene.newest_restore().unwrap();
        assert_eq!(restore["status"], "Failed", "{what}: {restore}");
        scene.assert_holds(&scene.live, what);
        scene.assert_clean(what);
        scene.tool.behave("").unwrap();
    }
    scene.host.restore(&scene.full, SERVICE).unwrap();
    scene.assert_holds(&scene.saved, "a later restore");
    scene.prove_it_works();
}
