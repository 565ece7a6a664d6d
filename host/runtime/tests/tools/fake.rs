//! Tools that end otherwise than they should.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use bulkhead_model::{Failure, FailureKind};
use bulkhead_runtime::{ByteSource, ToolSet};

use crate::support::{arguments, drain, fake, is_alive, launcher, places, until};

const PREPARE: [&str; 2] = ["--prepare", "--target-dir=/staging"];

/// Both the bytes and the process end in the same failure.
async fn fails(script: &str) -> Failure {
    let places = places();
    let tools = fake(places.dir.path(), "mariadb-backup", script);
    let process = tools.run(&places.scope, "mariadb-backup", &arguments(&PREPARE), None).await.unwrap();
    let (_, done) = drain(process.stdout().unwrap()).await;
    let failure = process.wait().await.unwrap_err();
    assert_eq!(done.unwrap_err(), failure);
    failure
}

#[tokio::test]
async fn an_exit_code_of_zero_is_not_enough() {
    let failure = fails("echo bytes; echo all is well >&2").await;
    assert!(failure.message.contains("without saying `completed OK!`: all is well"), "{failure}");
    // Somewhere on the way is not at the end.
    let failure = fails("echo completed OK! >&2; echo [00] 2026-11-20 13:24:15 Error: disk gone >&2").await;
    assert!(failure.message.ends_with("Error: disk gone"), "{failure}");
}

#[tokio::test]
async fn a_failed_tool_says_why() {
    let failure = fails("echo '[00] 2026-11-20 13:24:15 Error: no such tablespace' >&2; echo bye >&2; exit 3").await;
    assert_eq!(failure.message, "mariadb-backup failed with exit code 3: Error: no such tablespace");
    let failure = fails("echo completed OK! >&2; kill -SEGV $$").await;
    assert!(failure.message.contains("killed by signal 11 (SIGSEGV)"), "{failure}");
}

#[tokio::test]
async fn a_dump_without_its_trailer_is_none() {
    let places = places();
    let mut scope = places.scope.clone();
    scope.connection = Some(std::sync::Arc::new(bulkhead_runtime::Connection {
        host: "127.0.0.1".to_owned(),
        port: 1,
        socket: None,
        user: "u".to_owned(),
        password: "p".to_owned(),
        throw_away: false,
        http: None,
    }));
    for (script, good) in
        [("echo '-- Dump completed on 2026-11-20'", true), ("echo '-- Dump completed'; echo x", false)]
    {
        let tools = fake(places.dir.path(), "mariadb-dump", script);
        let process = tools.run(&scope, "mariadb-dump", &arguments(&["--all-databases"]), None).await.unwrap();
        let (bytes, done) = drain(process.stdout().unwrap()).await;
        assert_eq!(done.is_ok(), good, "{script}: {done:?}");
        assert!(!good || done == Ok(bytes.len() as u64));
    }
}

#[tokio::test]
async fn input_that_was_not_read_is_a_failure() {
    let places = places();
    let tools = fake(places.dir.path(), "mbstream", "head -c 10 >/dev/null");
    for bytes in [11, 100_000, 5_000_000] {
        let stdin = ByteSource::from_bytes(vec![7; bytes]).unwrap();
        let process =
            tools.run(&places.scope, "mbstream", &arguments(&["-x", "-C", "/staging"]), Some(stdin)).await.unwrap();
        let failure = process.wait().await.unwrap_err();
        assert!(failure.message.contains("before it had read all of its input"), "{bytes}: {failure}");
    }
    let tools = fake(places.dir.path(), "mbstream", "test $(wc -c) = 5000000");
    let stdin = ByteSource::from_bytes(vec![7; 5_000_000]).unwrap();
    let process =
        tools.run(&places.scope, "mbstream", &arguments(&["-x", "-C", "/staging"]), Some(stdin)).await.unwrap();
    assert_eq!(process.wait().await.unwrap().code, 0);
}

#[tokio::test]
async fn a_failing_source_fails_the_run_and_is_never_taken_for_the_whole() {
    let places = places();
    let tools = fake(places.dir.path(), "mbstream", "trap '' TERM; touch begun; cat >/dev/null; touch whole");
    let (mut write, completion, stdin) = ByteSource::pipe().unwrap();
    write.write_all(b"half").unwrap();
    drop(write);
    let process =
        tools.run(&places.scope, "mbstream", &arguments(&["-x", "-C", "/staging"]), Some(stdin)).await.unwrap();
    let begun = places.scope.scratch.join("begun");
    until("the tool reads", || begun.exists().then_some(())).await;
    completion.end(Err(Failure::corrupt("the digest does not match")));
    assert_eq!(process.wait().await.unwrap_err(), Failure::corrupt("the digest does not match"));
    assert!(!places.scope.scratch.join("whole").exists());
}

#[tokio::test]
async fn output_that_nobody_takes_does_not_hold_the_tool() {
    let places = places();
    let tools = fake(places.dir.path(), "mariadb-backup", "head -c 5000000 /dev/zero; echo completed OK! >&2");
    let process = tools.run(&places.scope, "mariadb-backup", &arguments(&PREPARE), None).await.unwrap();
    assert_eq!(process.wait().await.unwrap().stderr, "completed OK!");
    // Taken and let go again, it is missing somewhere.
    let process = tools.run(&places.scope, "mariadb-backup", &arguments(&PREPARE), None).await.unwrap();
    drop(process.stdout());
    assert!(process.wait().await.unwrap_err().message.contains("went away"));
}

#[tokio::test]
async fn deadline_cancel_and_drop_end_a_tool_with_its_children() {
    for how in ["deadline", "cancel", "drop"] {
        let mut places = places();
        if how == "deadline" {
            places.scope.deadline = Duration::from_millis(500);
        }
        let tools = fake(
            places.dir.path(),
            "mariadb-backup",
            "trap '' TERM\nsleep 600 & echo $! >child.new; mv child.new child; wait; sleep 600",
        );
        let process = tools.run(&places.scope, "mariadb-backup", &arguments(&PREPARE), None).await.unwrap();
        let pid = process.id();
        let child = places.scope.scratch.join("child");
        let child: u32 = until("a child", || fs::read_to_string(&child).ok()?.trim().parse().ok()).await;
        assert!(is_alive(pid) && is_alive(child));
        let source = process.stdout().unwrap();
        let failure = match how {
            "drop" => {
                drop(process);
                ByteSource::ended(source.done).await.unwrap_err()
            }
            _ => {
                if how == "cancel" {
                    places.scope.cancel.cancel();
                }
                process.wait().await.unwrap_err()
            }
        };
        let expected = if how == "deadline" { FailureKind::Unavailable } else { FailureKind::Cancelled };
        assert_eq!(failure.kind, expected, "{how}");
        until("both gone", || (!is_alive(pid) && !is_alive(child)).then_some(())).await;
    }
}

#[tokio::test]
async fn a_missing_tool_says_how_to_get_it() {
    let paths = [("mariadb-backup".to_owned(), "/nowhere/mariadb-backup".into())].into();
    let failure = ToolSet::new(launcher(), paths).version("mariadb-backup").await.unwrap_err();
    assert_eq!(
        failure.to_string(),
        "tool `mariadb-backup` was not found at /nowhere/mariadb-backup; hint: apt-get install -y mariadb-backup, or set [tools.mariadb-backup] path"
    );
}

/// The process that the next test kills, which is that test's own program: starts a tool and waits.
async fn be_a_host(pid_file: &str) {
    let places = places();
    let tools = fake(places.dir.path(), "mariadb-backup", "exec sleep 600");
    let process = tools.run(&places.scope, "mariadb-backup", &arguments(&PREPARE), None).await.unwrap();
    fs::write(format!("{pid_file}.new"), process.id().to_string()).unwrap();
    fs::rename(format!("{pid_file}.new"), pid_file).unwrap();
    process.wait().await.unwrap();
}

#[tokio::test]
async fn a_tool_dies_with_its_host() {
    if let Ok(pid_file) = std::env::var("PID_FILE") {
        return be_a_host(&pid_file).await;
    }
    let dir = tempfile::tempdir().unwrap();
    let pid_file = dir.path().join("pid");
    let mut host = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "fake::a_tool_dies_with_its_host"])
        .env("PID_FILE", &pid_file)
        // Its own places are left behind by the kill; here they go with ours.
        .env("TMPDIR", dir.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let tool: u32 = until("a tool", || fs::read_to_string(&pid_file).ok()?.parse().ok()).await;
    let is_sleep = || fs::read_to_string(format!("/proc/{tool}/comm")).is_ok_and(|name| name.trim() == "sleep");
    until("the tool took over", || is_sleep().then_some(())).await;
    host.kill().unwrap();
    host.wait().unwrap();
    until("the tool is gone", || (!is_alive(tool)).then_some(())).await;
}
