//! 3. Backups are restored before they are needed, without anybody asking.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

use bulkhead_test_support::{HostOptions, MariaDb, MariaDbOptions, ServiceEntry, StandIn, process};
use serde_json::Value;

use crate::crash::scene::PATIENCE;
use crate::recovery::scene::{SPARE, Scene, id};

/// Whoever wants to be told.
struct Listener {
    port: u16,
    heard: Arc<Mutex<Vec<Value>>>,
}

impl Listener {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Arc::new(Mutex::new(Vec::new()));
        // It ends with the tests.
        thread::spawn({
            let heard = Arc::clone(&heard);
            move || {
                for stream in listener.incoming() {
                    let mut reader = BufReader::new(stream.unwrap());
                    let mut length = 0;
                    for line in reader.by_ref().lines() {
                        let line = line.unwrap().to_ascii_lowercase();
                        match line.strip_prefix("content-length:") {
                            Some(value) => length = value.trim().parse().unwrap(),
                            None if line.is_empty() => break,
                            None => {}
                        }
                    }
                    let mut body = vec![0; length];
                    reader.read_exact(&mut body).unwrap();
                    heard.lock().unwrap().push(serde_json::from_slice(&body).unwrap());
                    reader.get_mut().write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").unwrap();
                }
            }
        });
        Self { port, heard }
    }

    /// Waits until it was told of something that has these words in it.
    fn hears(&self, words: &[&str]) -> Value {
        process::wait_until("the webhook is called", PATIENCE, || {
            let heard = self.heard.lock().unwrap();
            let found = heard.iter().find(|said| words.iter().all(|word| said.to_string().contains(word)));
            Ok(found.cloned())
        })
        .unwrap_or_else(|problem| panic!("{problem}: {:?}", self.heard.lock().unwrap()))
    }
}

#[test]
fn anchor_3_each_backup_is_drilled_by_itself_and_one_that_does_not_restore_is_told_of() {
    let copier = StandIn::for_tool("mariadb-backup").unwrap();
    let listener = Listener::start();
    let spare = Arc::new(MariaDb::start().unwrap());
    // The spare one is drilled each minute, and not after its backups.
    let mut entry = ServiceEntry::of(SPARE, &spare);
    entry.extra = "drills = { schedule = \"* * * * *\" }".to_owned();
    let extra = format!("[webhooks]\nallow_private_hosts = [\"127.0.0.1\"]\npoll = \"200ms\"\n{}", copier.toml());
    let host = HostOptions { services: vec![entry], extra, ..HostOptions::default() };
    let mut scene = Scene::with("drills = { after_backup = true }", &MariaDbOptions::default(), host);
    scene
        .shop
        .execute(
            "CREATE DATABASE more; CREATE TABLE more.things (id INT PRIMARY KEY); INSERT INTO more.things VALUES (1)",
        )
        .unwrap();
    scene.host.json(&["webhook", "create", &format!("http://127.0.0.1:{}/told", listener.port)]).unwrap();
    let waiting = scene.host.backup(SPARE, "full").unwrap();

    for method in ["full", "incremental", "dump"] {
        scene.write(10);
        let backup = scene.backup(method);
        let shown = drilled(&scene, &id(&backup));
        assert!(shown["suspect"].is_null(), "{method}: {shown}");
        assert!(shown["evidence"].to_string().contains("restored and checked"), "{method}: {shown}");
    }
    // Logs restore nothing alone.
    scene.backup("binarylog");
    scene.pause();

    copier
        .behave(
            r#"case "$*" in *--backup*) a=$1; shift; exec "$real" "$a" --tables-exclude='^more[.]things$' "$@";; esac"#,
        )
        .unwrap();
    let holed = scene.backup("full");
    copier.behave("").unwrap();
    let told = listener.hears(&["backup.suspect", &id(&holed), "more.things"]);
    let shown = drilled(&scene, &id(&holed));
    assert!(shown["suspect"].to_string().contains("more.things"), "{shown} {told}");
    // What is known to be damaged is no base, and not counted on.
    let next = scene.host.run(&["backup", "create", "--type", "incremental", "--wait"]).unwrap();
    let newest = &scene.host.json(&["backup", "list"]).unwrap()["backups"][0];
    assert_ne!(newest["parent_id"], holed["id"], "{next:?}");

    let shown = drilled(&scene, &waiting);
    assert!(shown["suspect"].is_null() && shown["verified_at"].is_string(), "{shown}");
}

/// Waits for the verdict of a drill that nobody asked for.
fn drilled(scene: &Scene, backup: &str) -> Value {
    process::wait_until("the backup is drilled", PATIENCE, || {
        let shown = scene.host.json(&["backup", "show", backup])?;
        Ok((shown["verified_level"] == "drill" || !shown["suspect"].is_null()).then_some(shown))
    })
    .unwrap_or_else(|problem| panic!("{problem}\n{}", scene.host.log_tail()))
}
