//! Disks that are full.

use std::path::Path;
use std::process::Command;

use bulkhead_test_support::{BulkheadHost, HostOptions, MariaDb, MariaDbOptions, ServiceEntry};
use tempfile::TempDir;

use crate::crash::scene::{LIMITS, PATIENCE, SERVICE};

/// A file system in memory, unmounted when dropped.
struct SmallDisk(TempDir);

impl SmallDisk {
    /// Fails where this user may not mount: a full disk is nothing to guess about.
    fn mount(size: &str) -> Self {
        let disk = Self(tempfile::Builder::new().prefix("bulkhead-disk-").tempdir().unwrap());
        let mounted = mount(&["-t", "tmpfs", "-o", &format!("size={size},mode=0755"), "tmpfs"], disk.0.path());
        assert!(mounted, "this user may not mount a file system: run `cargo xtask test` as root");
        disk
    }

    fn grow(&self, size: &str) {
        assert!(mount(&["-o", &format!("remount,size={size}")], self.0.path()));
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}

fn mount(arguments: &[&str], at: &Path) -> bool {
    Command::new("mount").args(arguments).arg(at).output().is_ok_and(|output| output.status.success())
}

#[test]
fn a_target_whose_disk_fills_fails_the_backup_and_keeps_nothing() {
    let disk = SmallDisk::mount("12m");
    let server = MariaDb::start().unwrap();
    server
        .execute(
            "CREATE DATABASE noise; USE noise; CREATE TABLE noise.rows (id INT PRIMARY KEY, body BLOB);
             INSERT INTO noise.rows SELECT seq, RANDOM_BYTES(1024) FROM seq_1_to_25000",
        )
        .unwrap();
    let host = BulkheadHost::start(HostOptions {
        services: vec![ServiceEntry::of(SERVICE, &server)],
        bucket: Some(disk.path().join("bucket")),
        extra: format!("{LIMITS}attempts_max = 2\n"),
        ..HostOptions::default()
    })
    .unwrap();
    for method in ["dump", "full"] {
        let id = host.create_backup(SERVICE, method).unwrap();
        let shown = host.wait_for("backup", &id, PATIENCE).unwrap();
        assert_eq!(shown["status"], "Failed", "{method}: {shown}");
        assert!(shown["message"].as_str().unwrap().contains("no space left"), "{method}: {shown}");
        host.wait_until_clean(&[&server], PATIENCE).unwrap();
    }
    server.execute("DROP DATABASE noise").unwrap();
    let id = host.backup(SERVICE, "dump").unwrap();
    host.run(&["backup", "verify", &id]).unwrap().ok().unwrap();
}

#[test]
fn a_restore_that_would_not_fit_is_refused_before_anything_starts() {
    let disk = SmallDisk::mount("320m");
    let options = MariaDbOptions { parent: Some(disk.path().to_owned()), ..MariaDbOptions::default() };
    let server = MariaDb::start_with(&options).unwrap();
    server
        .execute("CREATE DATABASE kept; CREATE TABLE kept.rows (id INT PRIMARY KEY); INSERT INTO kept.rows VALUES (1)")
        .unwrap();
    let host = BulkheadHost::start(HostOptions {
        services: vec![ServiceEntry::of(SERVICE, &server)],
        extra: format!("{LIMITS}attempts_max = 1\n"),
        ..HostOptions::default()
    })
    .unwrap();
    let id = host.backup(SERVICE, "full").unwrap();
    server.execute("INSERT INTO kept.rows VALUES (2)").unwrap();
    let pid = server.pid();

    let ended = host.run(&["backup", "restore", &id]).unwrap();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    for words in ["not enough disk space", "bytes needed", "bytes free", "hint: "] {
        assert!(ended.stderr.contains(words), "{ended:?}");
    }
    assert_eq!(server.pid(), pid, "the server was restarted");
    assert_eq!(server.value("SELECT COUNT(*) FROM kept.rows").unwrap(), "2");
    host.wait_until_clean(&[&server], PATIENCE).unwrap();

    disk.grow("2g");
    host.restore(&id, SERVICE).unwrap();
    assert_eq!(server.value("SELECT COUNT(*) FROM kept.rows").unwrap(), "1");
}
