//! The real tools against a real server.

use std::fs;
use std::io::Write;
use std::process::Command;
use std::sync::Arc;

use bulkhead_model::{Failure, FailureKind};
use bulkhead_runtime::{ByteSource, Connection};

use crate::support::{PASSWORD, Server, arguments, drain, is_alive, tools, until};

const BACKUP: [&str; 4] = ["--backup", "--stream=xbstream", "--extra-lsndir=/scratch/lsn", "--datadir=/data"];
const DUMP: [&str; 4] = ["--single-transaction", "--databases", "shop", "--routines"];

#[tokio::test]
async fn a_physical_backup_streams_unpacks_and_prepares() {
    let server = Server::start().await;
    server.sql("CREATE DATABASE shop").await;
    server.sql("CREATE TABLE shop.t (id INT PRIMARY KEY, v TEXT)").await;
    server.sql("INSERT INTO shop.t SELECT seq, REPEAT('x', 200) FROM mysql.seq_1_to_5000").await;
    let places = server.places();
    let tools = tools();
    let process = tools.run(&places.scope, "mariadb-backup", &arguments(&BACKUP), None).await.unwrap();
    // Held up by a reader that does not read yet, it can be looked at.
    let pid = process.id();
    let command = until("the tool took over", || {
        let command = String::from_utf8_lossy(&fs::read(format!("/proc/{pid}/cmdline")).ok()?).replace('\0', " ");
        command.contains("--stream=xbstream").then_some(command)
    })
    .await;
    let environment = String::from_utf8_lossy(&fs::read(format!("/proc/{pid}/environ")).unwrap()).into_owned();
    for text in [&command, &environment] {
        assert!(!text.contains(PASSWORD) && !text.contains("backup@"), "{text}");
    }
    let (bytes, done) = drain(process.stdout().unwrap()).await;
    assert_eq!(done.unwrap_or_else(|failure| panic!("{failure}\n{}", places.heard.text())), bytes.len() as u64);
    assert!(bytes.starts_with(b"XBSTCK01") && bytes.len() > 5_000_000, "{}", bytes.len());
    assert!(process.wait().await.unwrap().stderr.ends_with("completed OK!"));
    assert!(
        places.scope.scratch.join("lsn/xtrabackup_checkpoints").exists()
            || places.scope.scratch.join("lsn/mariadb_backup_checkpoints").exists()
    );
    assert!(!places.heard.text().contains(PASSWORD));
    assert!(places.heard.text().contains("completed OK!"));

    let stdin = ByteSource::from_bytes(bytes.clone()).unwrap();
    let unpack = arguments(&["-x", "-C", "/staging", "--parallel=2"]);
    let process = tools.run(&places.scope, "mbstream", &unpack, Some(stdin)).await.unwrap();
    process.wait().await.unwrap();
    let prepare = arguments(&["--prepare", "--target-dir=/staging", "--use-memory=64M"]);
    let process = tools.run(&places.scope, "mariadb-backup", &prepare, None).await.unwrap();
    process.wait().await.unwrap_or_else(|failure| panic!("{failure}\n{}", places.heard.text()));
    assert!(places.scope.staging.as_ref().unwrap().join("shop/t.ibd").exists());

    // Where files lie already, it makes none of its own and yet ends with exit code 0.
    let stdin = ByteSource::from_bytes(bytes.clone()).unwrap();
    let process = tools.run(&places.scope, "mbstream", &unpack, Some(stdin)).await.unwrap();
    let failure = process.wait().await.unwrap_err();
    assert!(failure.message.contains("File exists") || failure.message.contains("failed to create"), "{failure}");

    // A stream that lacks its end: the tool notices by itself.
    let unpack = arguments(&["-x", "-C", "/scratch"]);
    let stdin = ByteSource::from_bytes(bytes[..bytes.len() - 3].to_vec()).unwrap();
    let process = tools.run(&places.scope, "mbstream", &unpack, Some(stdin)).await.unwrap();
    let failure = process.wait().await.unwrap_err();
    assert!(failure.message.starts_with("mbstream failed with exit code 1"), "{failure}");
}

#[tokio::test]
async fn a_wrong_password_is_denied_and_stays_secret() {
    let server = Server::start().await;
    let mut places = server.places();
    let connection = Connection { password: "not the word".to_owned(), ..(*server.connection).clone() };
    places.scope.connection = Some(Arc::new(connection));
    for (tool, call) in [("mariadb-backup", arguments(&BACKUP)), ("mariadb-dump", arguments(&DUMP))] {
        let process = tools().run(&places.scope, tool, &call, None).await.unwrap();
        let failure = process.wait().await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Denied, "{failure}");
        assert!(failure.message.contains("Access denied for user 'backup'"), "{failure}");
        assert!(failure.hint.is_some());
        assert!(!failure.to_string().contains("not the word"));
    }
    assert!(!places.heard.text().contains("not the word"));
}

#[tokio::test]
async fn a_killed_or_dropped_backup_never_ends_well() {
    let server = Server::start().await;
    let places = server.places();
    let tools = tools();
    let process = tools.run(&places.scope, "mariadb-backup", &arguments(&BACKUP), None).await.unwrap();
    let copying = || places.heard.text().contains("Streaming").then_some(());
    until("the stream has begun", copying).await;
    assert!(Command::new("kill").args(["-9", &process.id().to_string()]).status().unwrap().success());
    let (_, done) = drain(process.stdout().unwrap()).await;
    let failure = done.unwrap_err();
    assert!(failure.message.contains("signal 9 (SIGKILL)") && failure.retry, "{failure}");

    let places = server.places();
    let process = tools.run(&places.scope, "mariadb-backup", &arguments(&BACKUP), None).await.unwrap();
    let (pid, source) = (process.id(), process.stdout().unwrap());
    drop(process);
    assert_eq!(drain(source).await.1.unwrap_err().kind, FailureKind::Cancelled);
    until("the tool is gone", || (!is_alive(pid)).then_some(())).await;
}

#[tokio::test]
async fn a_dump_goes_out_and_comes_back() {
    let server = Server::start().await;
    server.sql("CREATE DATABASE shop").await;
    server.sql("CREATE TABLE shop.t (id INT PRIMARY KEY, v BLOB)").await;
    server.sql("INSERT INTO shop.t SELECT seq, UNHEX(SHA2(seq, 512)) FROM mysql.seq_1_to_5000").await;
    let before = server.sql("CHECKSUM TABLE shop.t").await;
    let places = server.places();
    let tools = tools();
    let process = tools.run(&places.scope, "mariadb-dump", &arguments(&DUMP), None).await.unwrap();
    let (dump, done) = drain(process.stdout().unwrap()).await;
    assert_eq!(done.unwrap_or_else(|failure| panic!("{failure}\n{}", places.heard.text())), dump.len() as u64);

    server.sql("DROP DATABASE shop").await;
    let call =
        arguments(&["--batch", "--binary-mode", "--init-command=SET SESSION foreign_key_checks=0, sql_log_bin=0"]);
    let stdin = ByteSource::from_bytes(dump).unwrap();
    let process = tools.run(&places.scope, "mariadb", &call, Some(stdin)).await.unwrap();
    process.wait().await.unwrap_or_else(|failure| panic!("{failure}\n{}", places.heard.text()));
    assert_eq!(server.sql("CHECKSUM TABLE shop.t").await, before);

    // A source that breaks off inside a statement: the client would run what it has if it saw the end.
    let (mut write, completion, stdin) = ByteSource::pipe().unwrap();
    write.write_all(b"DELETE FROM shop.t").unwrap();
    drop(write);
    completion.end(Err(Failure::corrupt("cut off")));
    let process = tools.run(&places.scope, "mariadb", &call, Some(stdin)).await.unwrap();
    assert_eq!(process.wait().await.unwrap_err(), Failure::corrupt("cut off"));
    assert_eq!(server.sql("CHECKSUM TABLE shop.t").await, before);

    // SQL that wants to be more than SQL.
    for evil in ["\\! echo x > $TMPDIR/shell\n", "system touch shell\n", "tee here\nSELECT 1;\n", "SELEKT;\n"] {
        let stdin = ByteSource::from_bytes(evil.as_bytes().to_vec()).unwrap();
        let process = tools.run(&places.scope, "mariadb", &arguments(&["--batch"]), Some(stdin)).await.unwrap();
        let failure = process.wait().await.unwrap_err();
        assert!(failure.message.contains("ERROR"), "{evil}: {failure}");
    }
    assert_eq!(fs::read_dir(&places.scope.scratch).unwrap().count(), 0);
}

#[tokio::test]
async fn binary_logs_are_fetched_and_turned_into_sql() {
    let server = Server::start().await;
    server.sql("CREATE DATABASE shop").await;
    let places = server.places();
    fs::create_dir(places.scope.scratch.join("logs")).unwrap();
    let tools = tools();
    let fetch =
        ["--read-from-remote-server", "--raw", "--to-last-log", "--result-file=/scratch/logs/", "binlog.000001"];
    let process = tools.run(&places.scope, "mariadb-binlog", &arguments(&fetch), None).await.unwrap();
    process.wait().await.unwrap_or_else(|failure| panic!("{failure}\n{}", places.heard.text()));
    let show = arguments(&["--start-position=4", "/scratch/logs/binlog.000001"]);
    let process = tools.run(&places.scope, "mariadb-binlog", &show, None).await.unwrap();
    let (sql, done) = drain(process.stdout().unwrap()).await;
    done.unwrap();
    assert!(String::from_utf8_lossy(&sql).contains("CREATE DATABASE shop"));
}

#[tokio::test]
async fn tools_say_their_version() {
    let tools = tools();
    for tool in ["mariadb-backup", "mariadb-dump", "mariadb"] {
        let version = tools.version(tool).await.unwrap();
        assert!(version.ends_with("-MariaDB") && version.starts_with("1"), "{tool}: {version}");
    }
    for tool in ["mbstream", "mariadb-binlog"] {
        assert!(tools.version(tool).await.unwrap().starts_with(|c: char| c.is_ascii_digit()), "{tool}");
    }
}
