//! Hosts that must not start.

use std::fs;
use std::time::Duration;

use bulkhead_test_support::{BulkheadHost, HostOptions, process};

const DEADLINE: Duration = Duration::from_secs(120);

/// `serve` with this file in a prepared host's directory; it must end by itself.
pub fn refused(host: &BulkheadHost, file: &str) -> (Option<i32>, String) {
    let finished = process::run(&mut host.client(&["serve", "--config", file]), b"", DEADLINE).unwrap();
    assert!(finished.stdout.is_empty(), "{}", String::from_utf8_lossy(&finished.stdout));
    (finished.code, finished.stderr)
}

#[test]
fn a_second_host_on_the_same_directory_or_catalog_is_refused_and_the_first_one_goes_on() {
    let host = BulkheadHost::start(HostOptions::default()).unwrap();
    let text = fs::read_to_string(host.dir().join("bulkhead.toml")).unwrap();
    let catalog = host.dir().join("data/catalog.db");
    let other = text.replace("data_dir = \"data\"", "data_dir = \"other\"");
    let port = host.url().rsplit(':').next().unwrap();
    for (name, text, says) in [
        ("same directory", text.clone(), "another host"),
        ("same catalog", format!("{other}\n[catalog]\nurl = \"sqlite:{}\"\n", catalog.display()), "another host"),
        (
            "same directory, own catalog",
            format!("{text}\n[catalog]\nurl = \"sqlite:{}\"\n", host.dir().join("own.db").display()),
            "another host works in ",
        ),
        ("same address", other.replace("127.0.0.1:0", &format!("127.0.0.1:{port}")), "is another host running?"),
    ] {
        fs::write(host.dir().join("second.toml"), text).unwrap();
        let (code, said) = refused(&host, "second.toml");
        assert!(matches!(code, Some(1 | 5)), "{name}: {code:?} {said}");
        assert!(said.contains(says) && said.contains("hint: "), "{name}: {said}");
        assert_eq!(host.http("GET", "/readyz", &[], b"").unwrap().status, 200, "{name}");
    }
}

#[test]
fn a_host_whose_places_cannot_be_used_says_which() {
    let host = BulkheadHost::prepare(HostOptions::default()).unwrap();
    // Below a file nothing can be made, not even by root.
    fs::write(host.dir().join("file"), "").unwrap();
    let text = fs::read_to_string(host.dir().join("bulkhead.toml")).unwrap();
    let bucket = host.bucket().display().to_string();
    let rows: &[(&str, String, &[&str])] = &[
        (
            "data directory",
            text.replace("data_dir = \"data\"", "data_dir = \"file/data\""),
            &["the data directory", "file/data", "hint: [server] data_dir"],
        ),
        ("catalog", format!("{text}\n[catalog]\nurl = \"sqlite:file/catalog.db\"\n"), &["file/catalog.db"]),
        (
            "target",
            text.replace(&bucket, &host.dir().join("file/bucket").display().to_string()),
            &["target `managed`", "file/bucket"],
        ),
        ("target read-only", text.replace(&bucket, "/proc/self/bucket"), &["target `managed`", "/proc/self/bucket"]),
        ("storage plugin", text.replace("\"filesystem\"", "\"filesistem\""), &["`filesistem`"]),
        ("plugin's configuration", text.replace("root = ", "rot = "), &["target `managed`", "root"]),
    ];
    for (name, text, says) in rows {
        fs::write(host.dir().join("second.toml"), text).unwrap();
        let (code, said) = refused(&host, "second.toml");
        assert!(code.is_some_and(|code| code != 0), "{name}: {code:?} {said}");
        for phrase in *says {
            assert!(said.contains(phrase), "{name}: `{phrase}` is not in {said}");
        }
    }
}
