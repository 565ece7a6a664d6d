use mariadb_log::{Clock, Log, Observer, Point, Problem, ProblemKind, Selector, Start, Stop, Summary};

use crate::build::{Built, state};
use crate::observe::{FIRST, PART, SECOND};

pub struct Piece<'a> {
    pub log: Log,
    bytes: &'a [u8],
}

pub fn whole<'a>(file: &str, before: &str, continues: bool, bytes: &'a [u8]) -> Piece<'a> {
    let clock = Clock::default();
    Piece {
        log: Log { file: file.to_owned(), position: 4, limit: None, state: state(before), continues, clock },
        bytes,
    }
}

fn select(start: &Start, stop: &Stop, logs: &[Piece]) -> Result<(Summary, Vec<u8>), Problem> {
    let mut outcome = None;
    for size in [1, 13, usize::MAX] {
        let mut out = Vec::new();
        let mut selector = Selector::new(start.clone(), stop.clone())?;
        for piece in logs {
            selector.open(piece.log.clone())?;
            if !selector.has_passed() {
                out.clear();
            }
            for bytes in piece.bytes.chunks(size) {
                selector.feed(bytes, &mut out)?;
            }
            selector.close()?;
        }
        let now = (selector.finish()?, out);
        if let Some(before) = outcome.replace(now.clone()) {
            assert_eq!(before, now, "in pieces of {size}");
        }
    }
    Ok(outcome.unwrap())
}

pub fn after(text: &str) -> Start {
    Start { state: state(text), point: None }
}

pub fn at(text: &str, file: &str, position: u32) -> Start {
    Start { state: state(text), point: Some(Point { file: file.to_owned(), position: position.into() }) }
}

/// The GTIDs in what was passed, by the bodies that the builder makes.
fn passed(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    text.split(" of ").skip(1).map(|rest| rest.split('.').next().unwrap().to_owned()).collect()
}

pub fn run(start: &Start, stop: &Stop, logs: &[Piece]) -> Vec<String> {
    passed(&select(start, stop, logs).unwrap_or_else(|problem| panic!("{problem}")).1)
}

pub fn refusal(start: &Start, stop: &Stop, logs: &[Piece]) -> (ProblemKind, String) {
    let problem = select(start, stop, logs).map(|(summary, _)| summary).unwrap_err();
    (problem.kind, problem.message)
}

#[test]
fn real_logs_are_passed_from_a_base_to_a_stop() {
    let logs = [whole("binlog.000001", "", false, FIRST), whole("binlog.000002", "0-1-11,5-1-1", true, SECOND)];
    let (summary, out) = select(&after(""), &Stop::End, &logs).unwrap();
    assert_eq!(summary.state.last_of(5).unwrap().to_string(), "5-1-1");
    assert!(out.starts_with(&mariadb_log::MAGIC) && out.len() < FIRST.len() + SECOND.len());
    // What was passed is a log in which one transaction follows the other.
    let stop = Stop::With(state("0-1-9"));
    let (summary, out) = select(&after("0-1-4"), &stop, &logs).unwrap();
    assert_eq!(summary.state, state("0-1-9,5-1-1"));
    assert_eq!(summary.transactions, 6);
    assert_eq!(out.len(), 256 + (2484 - 949));
    let at = [Piece {
        log: Log {
            file: "binlog.000001".to_owned(),
            position: 1180,
            limit: None,
            state: state("0-1-5"),
            continues: false,
            clock: Clock::default(),
        },
        bytes: PART,
    }];
    assert_eq!(select(&after("0-1-5"), &stop, &at).unwrap().0.transactions, 5);
}

#[test]
fn what_the_base_holds_is_not_passed() {
    let mut log = Built::new("");
    log.transaction("0-1-1").statement("0-1-2").mixed("5-1-1").transaction("0-1-3").transaction("5-1-2").stop();
    let log = [whole("b.000001", "", false, &log.bytes)];
    assert_eq!(run(&after("0-1-2"), &Stop::End, &log), ["5-1-1", "0-1-3", "5-1-2"]);
    assert_eq!(run(&after("0-1-2,5-1-2"), &Stop::End, &log), ["0-1-3"]);
    assert!(run(&after("0-1-3,5-1-2"), &Stop::End, &log).is_empty());
}

#[test]
fn a_stop_at_a_transaction_is_inclusive_in_each_domain() {
    let mut log = Built::new("");
    log.transaction("0-1-1")
        .transaction("0-1-2")
        .statement("0-1-3")
        .mixed("5-1-1")
        .transaction("5-1-2")
        .transaction("7-1-1")
        .stop();
    let log = [whole("b.000001", "", false, &log.bytes)];
    let with = |target: &str| run(&after(""), &Stop::With(state(target)), &log);
    assert_eq!(with("0-1-2"), ["0-1-1", "0-1-2"]);
    assert_eq!(with("0-1-1,5-1-1"), ["0-1-1", "5-1-1"]);
    assert_eq!(with("7-1-1,0-1-1"), ["0-1-1", "5-1-1", "5-1-2", "7-1-1"]);
    let failure = refusal(&after(""), &Stop::With(state("0-1-9")), &log);
    assert_eq!(
        failure,
        (ProblemKind::Conflict, "the logs do not come to 0-1-9; they end at 0-1-3,5-1-2,7-1-1".to_owned())
    );
    let failure = refusal(&after("0-1-2"), &Stop::With(state("0-1-1")), &log);
    assert_eq!(failure.1, "the base holds 0-1-2 already, which comes after 0-1-1");
    let failure = refusal(&after(""), &Stop::With(state("0-2-2")), &log);
    assert_eq!(failure.1, "b.000001: the logs hold 0-1-2 in the place of 0-2-2");
    assert!(run(&after("0-1-2"), &Stop::With(state("0-1-2")), &log).is_empty());
}

#[test]
fn logs_that_overlap_are_passed_once() {
    let mut old = Built::new("");
    old.transaction("0-1-1").transaction("0-1-2").transaction("0-1-3").stop();
    // The replica that took over logged the same under its own file.
    let mut new = Built::new("0-1-1");
    new.transaction("0-1-2").transaction("0-1-3").transaction("0-2-4").stop();
    let logs = [whole("b.000007", "", false, &old.bytes), whole("b.000001", "0-1-1", false, &new.bytes)];
    assert_eq!(run(&after("0-1-1"), &Stop::End, &logs), ["0-1-2", "0-1-3", "0-2-4"]);
    // It went another way before the old one ended.
    let mut other = Built::new("0-1-1");
    other.transaction("0-1-2").transaction("0-2-3").transaction("0-2-4").stop();
    let logs = [whole("b.000007", "", false, &old.bytes), whole("b.000001", "0-1-1", false, &other.bytes)];
    let failure = refusal(&after("0-1-1"), &Stop::End, &logs);
    assert_eq!(failure.0, ProblemKind::Conflict);
    assert_eq!(failure.1, "b.000001: the logs hold 0-2-3 in the place of 0-1-3: they are of another history");
}

#[test]
fn a_hole_is_refused_with_both_positions() {
    let mut one = Built::new("");
    one.transaction("0-1-1").rotate("b.000002");
    let mut three = Built::new("0-1-2");
    three.transaction("0-1-3").stop();
    let logs = [whole("b.000001", "", false, &one.bytes), whole("b.000003", "0-1-2", true, &three.bytes)];
    let expected =
        "transactions are missing before b.000003: it begins after 0-1-2, and the logs before it end at 0-1-1";
    assert_eq!(refusal(&after(""), &Stop::End, &logs), (ProblemKind::Hole, expected.to_owned()));
    let logs = [whole("b.000003", "0-1-2", false, &three.bytes)];
    let expected = "transactions are missing before b.000003: it begins after 0-1-2, and what was restored until then ends at 0-1-1";
    assert_eq!(refusal(&after("0-1-1"), &Stop::End, &logs), (ProblemKind::Hole, expected.to_owned()));
    // What was said of the log is not what it says itself.
    let logs = [whole("b.000003", "0-1-1", false, &three.bytes)];
    assert_eq!(
        refusal(&after("0-1-1"), &Stop::End, &logs).1,
        "b.000003: the log begins after 0-1-2, and not after 0-1-1"
    );
    // A domain that the base does not know.
    let logs = [whole("b.000003", "0-1-1,5-1-4", false, &three.bytes)];
    assert_eq!(refusal(&after("0-1-1"), &Stop::End, &logs).0, ProblemKind::Hole);
    // A domain that the server was told to forget is none.
    let mut one = Built::new("5-1-4");
    one.transaction("0-1-1").transaction("0-1-2").rotate("b.000003");
    let logs = [whole("b.000001", "5-1-4", false, &one.bytes), whole("b.000003", "0-1-2", true, &three.bytes)];
    assert_eq!(run(&after("5-1-4"), &Stop::End, &logs).len(), 3);
}

#[test]
fn a_copy_that_does_not_know_its_past_goes_on_by_its_numbers() {
    let mut log = Built::new("");
    let begin = log.position;
    log.transaction("0-2-16").transaction("0-2-17").stop();
    let logs = || [whole("b.000001", "", false, &log.bytes)];
    assert_eq!(run(&after("0-1-15"), &Stop::End, &logs()), ["0-2-16", "0-2-17"]);
    let expected = "b.000001: transactions are missing: the first one of domain 0 in these logs is 0-2-16, and what was restored until \
                    then ends at 0-1-14";
    assert_eq!(refusal(&after("0-1-14"), &Stop::End, &logs()), (ProblemKind::Hole, expected.to_owned()));
    assert_eq!(refusal(&after(""), &Stop::End, &logs()).0, ProblemKind::Hole);
    // Its own backup knows better.
    assert_eq!(run(&at("", "b.000001", begin), &Stop::End, &logs()).len(), 2);
}

#[test]
fn numbers_that_go_backwards_need_a_position() {
    let mut log = Built::new("");
    log.transaction("0-1-1").transaction("0-1-5");
    let point = log.position;
    log.transaction("0-2-3").transaction("0-1-6").rotate("b.000002");
    let mut next = Built::new("0-1-6,0-2-3");
    next.transaction("0-2-4").stop();
    let logs = [whole("b.000001", "", false, &log.bytes), whole("b.000002", "0-1-6,0-2-3", true, &next.bytes)];
    let failure = refusal(&after("0-1-1"), &Stop::End, &logs);
    assert_eq!(failure.0, ProblemKind::Unsupported);
    assert!(failure.1.starts_with("b.000001: 0-2-3 comes after 0-1-5: "), "{}", failure.1);
    assert_eq!(run(&at("0-1-5", "b.000001", point), &Stop::End, &logs), ["0-2-3", "0-1-6", "0-2-4"]);
}

#[test]
fn a_position_has_to_hold_what_the_base_says() {
    let mut log = Built::new("0-1-1");
    let begin = log.position;
    log.transaction("0-1-2");
    let middle = log.position;
    log.transaction("0-1-3").rotate("b.000002");
    let end = log.position;
    let mut next = Built::new("0-1-3");
    next.transaction("0-1-4").stop();
    let logs = || [whole("b.000001", "0-1-1", false, &log.bytes), whole("b.000002", "0-1-3", true, &next.bytes)];
    assert_eq!(run(&at("0-1-1", "b.000001", begin), &Stop::End, &logs()), ["0-1-2", "0-1-3", "0-1-4"]);
    assert_eq!(run(&at("0-1-2", "b.000001", middle), &Stop::End, &logs()), ["0-1-3", "0-1-4"]);
    assert_eq!(run(&at("0-1-3", "b.000001", end), &Stop::End, &logs()), ["0-1-4"]);
    assert_eq!(run(&at("0-1-3", "b.000002", 4), &Stop::End, &logs()), ["0-1-4"]);
    // The logs begin with the file after that in which the base ends.
    assert_eq!(run(&at("0-1-3", "b.000001", end), &Stop::End, &logs()[1..]), ["0-1-4"]);
    let failure = refusal(&at("0-1-1", "b.000001", middle), &Stop::End, &logs());
    assert_eq!(failure.0, ProblemKind::Conflict);
    assert!(failure.1.contains("the log has come to 0-1-2"), "{}", failure.1);
    assert_eq!(refusal(&at("0-1-1", "b.000001", begin), &Stop::End, &logs()[1..]).0, ProblemKind::Hole);
    let failure = refusal(&at("0-1-4", "b.000003", 900), &Stop::End, &logs());
    assert_eq!(failure.1, "the base ends at b.000003 position 900, and the logs do not come so far");
}

#[test]
fn what_a_crash_left_behind_is_not_passed() {
    let mut log = Built::new("");
    log.transaction("0-1-1");
    let limit = u64::from(log.position);
    log.half("0-1-2");
    let bytes = &log.bytes[..log.bytes.len() - 3];
    let mut next = Built::new("0-1-1");
    next.transaction("0-1-2").stop();
    let mut crashed = whole("b.000001", "", false, bytes);
    let logs = [crashed, whole("b.000002", "0-1-1", true, &next.bytes)];
    assert_eq!(refusal(&after(""), &Stop::End, &logs).0, ProblemKind::Corrupt);
    crashed = whole("b.000001", "", false, bytes);
    crashed.log.limit = Some(limit);
    let logs = [crashed, whole("b.000002", "0-1-1", true, &next.bytes)];
    assert_eq!(run(&after(""), &Stop::End, &logs), ["0-1-1", "0-1-2"]);
}

#[test]
fn lost_and_nameless_transactions_are_refused() {
    let mut log = Built::new("");
    log.transaction("0-1-1").event(26, 1, 0, &[1, 0]).transaction("0-1-2").stop();
    let failure = refusal(&after(""), &Stop::End, &[whole("b.000001", "", false, &log.bytes)]);
    assert!(failure.1.ends_with("the server notes that it lost transactions"), "{}", failure.1);
    let mut log = Built::new("");
    log.event(2, 1, 0, b"\0DROP TABLE x").stop();
    let failure = refusal(&after(""), &Stop::End, &[whole("b.000001", "", false, &log.bytes)]);
    assert!(failure.1.ends_with("belongs to no transaction with a GTID"), "{}", failure.1);
}

#[test]
fn what_is_passed_is_a_sound_log() {
    let logs = [whole("binlog.000001", "", false, FIRST), whole("binlog.000002", "0-1-11,5-1-1", true, SECOND)];
    let (summary, mut out) = select(&after("0-1-4"), &Stop::End, &logs).unwrap();
    // Positions are still those of the files; without them every event is for itself.
    let mut at = 4;
    while at < out.len() {
        let length = u32::from_le_bytes(out[at + 9..at + 13].try_into().unwrap()) as usize;
        out[at + 13..at + 17].fill(0);
        let checksum = crc32fast::hash(&out[at..at + length - 4]);
        out[at + length - 4..at + length].copy_from_slice(&checksum.to_le_bytes());
        at += length;
    }
    let mut observer = Observer::whole();
    observer.feed(&out).unwrap();
    assert_eq!(observer.finish().unwrap().transactions, summary.transactions);
}
