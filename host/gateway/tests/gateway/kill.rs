//! `kill -9` at random points.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::client::Client;
use crate::process::Process;

const EVENTS: usize = 100_000;
const CLIENTS: usize = 32;

/// The events in a log, read as `docs/front-door.md` describes it.
pub fn read_log(directory: &Path) -> Vec<(u64, Value)> {
    let number = |bytes: &[u8]| bytes.iter().rev().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    let mut paths: Vec<_> = fs::read_dir(directory.join("log")).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let mut events = Vec::new();
    for path in paths {
        let bytes = fs::read(path).unwrap();
        assert_eq!(&bytes[..8], b"BHEVENTS");
        let mut rest = &bytes[32..];
        while rest.len() >= 24 {
            let length = usize::try_from(number(&rest[..4])).unwrap();
            if rest.len() < 24 + length {
                break;
            }
            let mut sum = crc32fast::Hasher::new();
            sum.update(&rest[..4]);
            sum.update(&rest[8..24 + length]);
            assert_eq!(u64::from(sum.finalize()), number(&rest[4..8]));
            events.push((number(&rest[8..16]), serde_json::from_slice(&rest[24..24 + length]).unwrap()));
            rest = &rest[24 + length..];
        }
    }
    events
}

/// Sends events until the process dies. Gives what was acknowledged: the event's name and its number, in order.
fn send(process: &Process, client: usize, from: usize, acknowledged: &AtomicUsize) -> Vec<(String, u64)> {
    let mut done = Vec::new();
    let Ok(mut connection) = Client::connect(process.address) else { return done };
    for number in from.. {
        let id = format!("e:{client}_{number}");
        match connection.ingest(
            "e",
            "CREATE",
            &id,
            json!({ "client": client, "number": number, "text": "x".repeat(number % 300) }),
        ) {
            Ok(answer) => done.push((id, answer.sequence())),
            Err(_) => return done,
        }
        if acknowledged.fetch_add(1, Ordering::Relaxed) >= EVENTS {
            return done;
        }
    }
    done
}

/// Small steps that look like chance and are the same in each run.
fn pauses() -> impl Iterator<Item = Duration> {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        Duration::from_micros(100_000 + state % 1_500_000)
    })
}

#[test]
fn every_acknowledged_event_is_there_after_a_kill_in_order_and_once() {
    let directory = tempfile::tempdir().unwrap();
    let acknowledged = AtomicUsize::new(0);
    let mut by_client: Vec<Vec<(String, u64)>> = vec![Vec::new(); CLIENTS];
    let mut tried = [0; CLIENTS];
    let mut kills = 0;
    for pause in pauses() {
        let mut process = Process::start(directory.path(), 0, None);
        thread::scope(|scope| {
            let process = &process;
            let acknowledged = &acknowledged;
            let senders: Vec<_> = (0..CLIENTS)
                .map(|client| {
                    let from = tried[client];
                    scope.spawn(move || send(process, client, from, acknowledged))
                })
                .collect();
            thread::sleep(pause);
            // The process is killed while they write.
            kill_at_once(process);
            for (client, sender) in senders.into_iter().enumerate() {
                let done = sender.join().unwrap();
                // The one after the last acknowledged may be in the log or not; it is not sent again under its name.
                tried[client] += done.len() + 1;
                by_client[client].extend(done);
            }
        });
        process.kill();
        kills += 1;
        if acknowledged.load(Ordering::Relaxed) >= EVENTS {
            break;
        }
    }
    // Once more, so that a torn end is dealt with as a start does it.
    Process::start(directory.path(), 0, None).kill();

    let log = read_log(directory.path());
    let numbers: Vec<u64> = log.iter().map(|(number, _)| *number).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "the numbers go up");
    let mut found: BTreeMap<&str, u64> = BTreeMap::new();
    for (number, event) in &log {
        let id = event["id"].as_str().unwrap();
        assert_eq!(found.insert(id, *number), None, "{id} is there twice");
    }
    let total: usize = by_client.iter().map(Vec::len).sum();
    assert!(total >= EVENTS, "{total}");
    for done in &by_client {
        assert!(done.is_sorted_by(|(_, a), (_, b)| a < b), "a client's events are in the order in which it sent them");
        for (id, number) in done {
            assert_eq!(found.get(id.as_str()), Some(number), "{id} was acknowledged as {number}");
        }
    }
    println!("{total} events acknowledged, {} in the log, {kills} kills", log.len());
    assert!(kills >= 5, "{kills} kills");
}

fn kill_at_once(process: &Process) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(process.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

#[test]
fn with_an_interval_a_kill_loses_nothing_either() {
    let directory = tempfile::tempdir().unwrap();
    let mut sent = 0;
    for _ in 0..3 {
        let mut process = Process::start(directory.path(), 10_000, None);
        let mut client = Client::connect(process.address).unwrap();
        for _ in 0..500 {
            sent += 1;
            assert_eq!(client.ingest("e", "CREATE", "e:1", json!({})).unwrap().sequence(), sent);
        }
        process.kill();
    }
    let numbers: Vec<u64> = read_log(directory.path()).into_iter().map(|(number, _)| number).collect();
    assert_eq!(numbers, (1..=sent).collect::<Vec<_>>());
}
