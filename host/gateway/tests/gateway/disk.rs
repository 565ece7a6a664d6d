//! Disks that are full.

use serde_json::json;

use crate::client::Client;
use crate::kill::read_log;
use crate::process::Process;

#[test]
fn a_full_disk_refuses_events_and_loses_none_that_was_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    // 64 KiB a file: less than a segment.
    let mut process = Process::start(directory.path(), 0, Some(128));
    let mut client = Client::connect(process.address).unwrap();
    let record = json!({ "text": "x".repeat(3000) });
    let mut acknowledged = Vec::new();
    let refused = loop {
        let answer = client.ingest("e", "CREATE", &format!("e:{}", acknowledged.len()), record.clone()).unwrap();
        match answer.status {
            200 => acknowledged.push(answer.sequence()),
            _ => break answer,
        }
        assert!(acknowledged.len() < 100, "the limit does not hold");
    };
    assert_eq!(refused.status, 503, "{refused:?}");
    assert!(refused.body.contains("events-") && refused.header("retry-after").is_some(), "{refused:?}");
    // A smaller one still fits, and comes behind what was acknowledged.
    let small = client.ingest("e", "CREATE", "e:small", json!({})).unwrap();
    acknowledged.push(small.sequence());
    process.kill();
    let process = Process::start(directory.path(), 0, None);
    let mut client = Client::connect(process.address).unwrap();
    acknowledged.push(client.ingest("e", "CREATE", "e:later", record).unwrap().sequence());
    let found: Vec<u64> = read_log(directory.path()).into_iter().map(|(number, _)| number).collect();
    assert_eq!(found, acknowledged);
}

#[test]
fn one_process_has_the_directory() {
    let directory = tempfile::tempdir().unwrap();
    let _first = Process::start(directory.path(), 0, None);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let failure = runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let config =
            bulkhead_gateway::GatewayConfig { directory: directory.path().to_owned(), ..crate::scene::nowhere() };
        bulkhead_gateway::Gateway::start(config, listener, None).await.map(drop).unwrap_err()
    });
    assert_eq!(failure.kind.code(), "conflict", "{failure}");
}
