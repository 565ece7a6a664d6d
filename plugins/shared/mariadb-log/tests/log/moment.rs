//! Where a moment is found, and where it is refused.

use mariadb_log::{Clock, ProblemKind, Reading, Stop, around};

use crate::build::Built;
use crate::select::{Piece, after, at, refusal, run, whole};

/// One log of transactions with these stamps, numbered from 1 on.
fn stamped(stamps: &[u32]) -> Built {
    let mut log = Built::new("");
    for (number, stamp) in (1..).zip(stamps) {
        log.at(*stamp).transaction(&format!("0-1-{number}"));
    }
    log.stop();
    log
}

fn read_between(before: u32, complete: u32) -> Clock {
    Clock { before: Some(before), complete: Some(complete), after: Some(complete + 1) }
}

fn piece(log: &Built, clock: Clock) -> [Piece<'_>; 1] {
    let mut piece = whole("b.000001", "", false, &log.bytes);
    piece.log.clock = clock;
    [piece]
}

/// How many transactions are there at a moment.
#[track_caller]
fn found(stamps: &[u32], second: u32, clock: Clock) -> usize {
    run(&after(""), &Stop::Before(second), &piece(&stamped(stamps), clock)).len()
}

/// The message of the refusal of a moment.
#[track_caller]
fn refused(stamps: &[u32], second: u32, clock: Clock) -> String {
    let (kind, message) = refusal(&after(""), &Stop::Before(second), &piece(&stamped(stamps), clock));
    assert_eq!(kind, ProblemKind::Ambiguous, "{message}");
    message
}

#[test]
fn a_moment_is_before_the_first_transaction_that_is_stamped_later() {
    let mut log = Built::new("");
    log.at(10).transaction("0-1-1").at(12).statement("0-1-2").at(11).transaction("0-1-3").at(20).mixed("0-1-4");
    log.at(19).transaction("5-1-1").rotate("b.000002");
    let mut next = Built::new("0-1-4,5-1-1");
    next.at(25).transaction("0-1-5").stop();
    let logs = [whole("b.000001", "", false, &log.bytes), whole("b.000002", "0-1-4,5-1-1", true, &next.bytes)];
    let until = |second| run(&after(""), &Stop::Before(second), &logs);
    assert!(until(10).is_empty());
    assert_eq!(until(11), ["0-1-1"]);
    // Sessions that commit side by side: the order of the log stands.
    assert_eq!(until(12), ["0-1-1"]);
    assert_eq!(until(13), ["0-1-1", "0-1-2", "0-1-3"]);
    assert_eq!(until(20), ["0-1-1", "0-1-2", "0-1-3"]);
    assert_eq!(until(21).len(), 5);
    assert_eq!(until(26).len(), 6);
}

#[test]
fn a_session_that_sets_its_time_ahead_hides_nothing_that_came_after_it() {
    let stamps = [100, 110, 86_500, 120, 130, 140, 200];
    // Where the archive knows the clock, only the instants right around it are in doubt.
    let clock = read_between(90, 210);
    assert_eq!(found(&stamps, 105, clock), 1);
    assert_eq!(found(&stamps, 125, clock), 4);
    assert_eq!(found(&stamps, 150, clock), 6);
    assert_eq!(found(&stamps, 205, clock), 7);
    let message = refused(&stamps, 115, clock);
    assert!(
        message.contains("the stamp of 0-1-3 is ahead of the server's clock, and 0-1-4, the next one"),
        "{message}"
    );
    assert!(message.ends_with("0-1-2 is before 0-1-3, 0-1-3 is before 0-1-4"), "{message}");
    // Without, all of them are that run backwards.
    let unknown = Clock::default();
    assert_eq!(found(&stamps, 105, unknown), 1);
    let message = refused(&stamps, 150, unknown);
    assert!(message.contains("0-1-3 is stamped 1970-01-02T00:01:40Z, and 0-1-6, which comes after it"), "{message}");
    assert!(
        message.ends_with(
            "0-1-2 is before the first one that is stamped later, 0-1-6 is with the last one that is stamped earlier"
        ),
        "{message}"
    );
    assert_eq!(found(&stamps, 90_000, unknown), 7);
}

#[test]
fn a_transaction_ahead_of_the_clock_at_the_end_of_the_archive_is_there_at_its_end_only() {
    let clock = read_between(90, 210);
    assert_eq!(found(&[100, 110, 90_000], 210, clock), 3);
    let message = refused(&[100, 110, 90_000], 150, clock);
    assert!(message.contains("no later one tells the time"), "{message}");
    assert_eq!(found(&[100, 110, 90_000], 105, clock), 1);
}

#[test]
fn a_session_that_sets_its_time_back_hides_nothing_that_came_before_it() {
    let stamps = [1000, 1010, 1020, 5, 1030, 1040, 6, 1050];
    // Earlier than the clock ever was, the stamps say nothing.
    let clock = read_between(990, 1060);
    assert_eq!(found(&stamps, 1015, clock), 2);
    assert_eq!(found(&stamps, 1025, clock), 4);
    assert_eq!(found(&stamps, 1045, clock), 7);
    // Without the clock, they may be right.
    let message = refused(&stamps, 1015, Clock::default());
    assert!(message.contains("0-1-3 is stamped 1970-01-01T00:17:00Z, and 0-1-7"), "{message}");
    assert_eq!(found(&stamps, 1055, Clock::default()), 8);
}

#[test]
fn a_clock_that_went_back_makes_the_time_that_came_twice_ambiguous() {
    // Five minutes ahead, until it was set right.
    let stamps = [1300, 1310, 1320, 1330, 1020, 1030, 1040, 1330, 1340];
    for second in [1305, 1325] {
        let message = refused(&stamps, second, Clock::default());
        assert!(message.contains("which comes after it"), "{message}");
    }
    assert_eq!(found(&stamps, 1335, Clock::default()), 8);
    // A day ahead: no transaction is stamped between, and the stamp that is later is still not believed.
    let message = refused(&[1000, 87_400, 87_410, 1900, 1910], 1500, Clock::default());
    assert!(
        message.ends_with("0-1-1 is before the first one that is stamped later, 0-1-3 is before 0-1-4"),
        "{message}"
    );
}

#[test]
fn a_statement_that_ran_for_long_hides_no_moment_of_a_busy_server() {
    // The seventh began at 1000: three on each side agree.
    let stamps = [1000, 1029, 1030, 1031, 1032, 1032, 1000, 1033, 1034, 1035];
    assert_eq!(found(&stamps, 1030, Clock::default()), 2);
    // With fewer of them nothing tells.
    refused(&stamps[..9], 1030, Clock::default());
    refused(&stamps[3..], 1030, Clock::default());
    // A statement says itself for how long it ran.
    let mut log = Built::new("");
    log.at(1000).transaction("0-1-1").at(1030).transaction("0-1-2").at(1005).long("0-1-3", 30).stop();
    assert_eq!(run(&after(""), &Stop::Before(1020), &piece(&log, Clock::default())).len(), 1);
    let mut log = Built::new("");
    log.at(1000).transaction("0-1-1").at(1030).transaction("0-1-2").at(1005).long("0-1-3", 3).stop();
    assert_eq!(refusal(&after(""), &Stop::Before(1020), &piece(&log, Clock::default())).0, ProblemKind::Ambiguous);
}

#[test]
fn what_comes_after_the_moment_may_be_anything_but_unsound() {
    let mut log = Built::new("");
    log.at(10).transaction("0-1-1");
    let point = log.position;
    log.transaction("0-1-2")
        .at(30)
        .transaction("0-1-3")
        .event(26, 1, 0, &[1, 0])
        .transaction("0-1-9")
        .transaction("0-2-4");
    log.rotate("b.000002");
    let logs = piece(&log, Clock::default());
    assert_eq!(run(&after(""), &Stop::Before(20), &logs), ["0-1-1", "0-1-2"]);
    assert_eq!(run(&at("0-1-1", "b.000001", point), &Stop::Before(20), &logs), ["0-1-2"]);
}

fn reading(complete: u32, host: u32) -> Reading {
    Reading { complete: Some(complete), after: Some(complete + 1), host: Some(host) }
}

#[test]
fn readings_bound_the_logs_between_them() {
    let clocks = around(&[reading(100, 100), Reading::default(), reading(300, 300)]);
    assert_eq!(clocks[0], Clock { before: None, complete: Some(100), after: Some(101) });
    assert_eq!(clocks[1], Clock { before: Some(100), complete: None, after: Some(301) });
    assert_eq!(clocks[2], Clock { before: Some(100), complete: Some(300), after: Some(301) });
    assert!(around(&[]).is_empty());
}

#[test]
fn a_clock_that_was_wrong_is_not_used_and_the_host_tells_which_that_is() {
    // A day ahead at the second one. The host's clock was right all the time.
    let day = 86_400;
    let clocks = around(&[reading(100, 100), reading(day + 200, 200), reading(300, 300), reading(400, 400)]);
    assert_eq!(clocks[1], Clock { before: Some(100), complete: None, after: Some(301) });
    assert_eq!(clocks[3], Clock { before: Some(300), complete: Some(400), after: Some(401) });
    // Nobody tells: what is before the first wrong one is certain, and no stamp is called ahead.
    let none = |complete| Reading { host: None, ..reading(complete, 0) };
    let clocks = around(&[none(100), none(day + 200), none(300), none(400)]);
    assert_eq!(clocks[1], Clock { before: Some(100), complete: None, after: Some(day + 201) });
    assert_eq!((clocks[2].before, clocks[2].after), (Some(100), None));
    assert_eq!((clocks[3].before, clocks[3].after), (Some(300), None));
    // A host whose clock is always another one is no witness.
    let other = |complete: u32| reading(complete, complete + 1000);
    assert_eq!(around(&[other(100), other(day + 200), other(300), other(400)]), clocks);
}
