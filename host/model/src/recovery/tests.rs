//! Histories of which one knows what must come out.

use super::*;
use crate::{FailureKind, Report};

mod clocks;

/// So many seconds after noon.
fn at(second: i64) -> Timestamp {
    Timestamp::from_micros((1_711_454_400 + second) * 1_000_000)
}

fn id(name: &str) -> BackupId {
    let digits: String = name.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("{digits:0<32}:db1:server").parse().unwrap()
}

fn gtid(text: &str) -> GtidState {
    text.parse().unwrap()
}

fn base(name: &str, second: i64, state: &str) -> BasePoint {
    BasePoint {
        backup: id(name),
        method: "full".parse().unwrap(),
        chain: vec![id(name)],
        at: at(second),
        taken: at(second - 5),
        gtid: Some(gtid(state)),
        place: None,
        server_uid: Some("one".to_owned()),
        server_id: Some(1),
        whole: true,
        good: true,
        verified_at: None,
        verified_level: None,
    }
}

/// Logs of a timeline, from a state to a state, with the stamps of the first and last transaction, complete until then.
fn log(name: &str, timeline: &str, states: (&str, &str), stamps: Option<(i64, i64)>, complete: i64) -> LogSpan {
    LogSpan {
        backup: id(name),
        timeline: timeline.to_owned(),
        cause: None,
        reason: None,
        taken: at(complete),
        server_uid: Some("one".to_owned()),
        server_id: Some(1),
        from: None,
        created: None,
        to: None,
        start: gtid(states.0),
        end: gtid(states.1),
        firsts: GtidState::default(),
        first: stamps.map(|(first, _)| at(first)),
        last: stamps.map(|(_, last)| at(last)),
        complete_until: at(complete),
        witness: None,
        set_back: None,
        disorder: None,
        incident: None,
        good: true,
        sequence: 0,
    }
}

fn history(bases: Vec<BasePoint>, logs: Vec<LogSpan>) -> History {
    let logs = (0..).zip(logs).map(|(sequence, log)| LogSpan { sequence, ..log });
    History { bases, logs: logs.collect(), ..History::default() }
}

/// A base at 100 with 0-1-10, and three logs from 0-1-5 to 0-1-40 until 400.
fn plain() -> History {
    history(
        vec![base("b", 100, "0-1-10")],
        vec![
            log("l1", "t", ("0-1-5", "0-1-20"), Some((50, 190)), 200),
            log("l2", "t", ("0-1-20", "0-1-30"), Some((210, 290)), 300),
            log("l3", "t", ("0-1-30", "0-1-40"), Some((310, 390)), 400),
        ],
    )
}

fn time(second: i64) -> Until {
    Until::Time(at(second))
}

fn transaction(text: &str) -> Until {
    Until::Transaction(gtid(text))
}

impl History {
    /// The last link of the chain and the logs, in short.
    fn planned(&self, until: &Until) -> Result<(BackupId, Vec<BackupId>), Failure> {
        let plan = self.plan(until, None)?;
        Ok((plan.chain.last().unwrap().clone(), plan.logs))
    }

    #[track_caller]
    fn leads(&self, until: &Until, base: &str, logs: &[&str]) {
        let logs: Vec<BackupId> = logs.iter().map(|name| id(name)).collect();
        assert_eq!(self.planned(until), Ok((id(base), logs)));
    }

    #[track_caller]
    fn refuses(&self, until: &Until) -> Failure {
        let failure = self.plan(until, None).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Invalid, "{failure}");
        assert!(failure.hint.is_some());
        failure
    }

    /// From and to of each interval, in seconds.
    fn seconds(&self) -> Vec<(i64, i64)> {
        let second = |at: Timestamp| at.as_micros() / 1_000_000 - 1_711_454_400;
        self.window(at(10_000)).intervals.iter().map(|it| (second(it.from), second(it.to))).collect()
    }

    fn causes(&self) -> Vec<String> {
        self.window(at(10_000)).gaps.into_iter().map(|gap| gap.cause).collect()
    }
}

use crate::Failure;

#[test]
fn without_logs_a_base_leads_to_its_own_second_only() {
    let mut only = history(vec![base("b", 100, "0-1-10")], Vec::new());
    only.bases[0].at = at(100).plus(std::time::Duration::from_millis(600));
    only.leads(&time(100), "b", &[]);
    only.leads(&Until::Time(at(100).plus(std::time::Duration::from_millis(900))), "b", &[]);
    assert_eq!(only.plan(&time(100), None).unwrap().until, None);
    for second in [99, 101, 5_000] {
        let failure = only.refuses(&time(second));
        assert!(failure.message.contains("2024-03-26T12:01:40.6Z"), "{failure}");
    }
    let window = only.window(at(500));
    assert_eq!((window.intervals.len(), window.intervals[0].logs), (1, 0));
    assert_eq!((window.gaps[0].from, window.gaps[0].to), (only.bases[0].at, None));
    assert_eq!(window.gaps[0].cause, format!("no archived log continues backup {}", id("b")));
    assert_eq!(History::default().window(at(0)), RecoveryWindow::default());
    assert!(History::default().refuses(&time(0)).message.contains("no backup of the service can be restored"));
}

#[test]
fn logs_lead_on_to_the_last_instant_that_they_are_complete_until() {
    let plain = plain();
    plain.leads(&time(101), "b", &["l1"]);
    plain.leads(&time(200), "b", &["l1"]);
    plain.leads(&time(201), "b", &["l1", "l2"]);
    plain.leads(&time(400), "b", &["l1", "l2", "l3"]);
    // In the second of the end nothing else can be meant.
    plain.leads(&Until::Time(at(400).plus(std::time::Duration::from_millis(900))), "b", &["l1", "l2", "l3"]);
    let late = plain.refuses(&time(401));
    assert!(late.message.contains("the last moment that can be is 2024-03-26T12:06:40Z"), "{late}");
    let early = plain.refuses(&time(99));
    assert!(early.message.contains("the first moment that can be is 2024-03-26T12:01:40Z"), "{early}");
    let window = plain.window(at(402));
    assert_eq!(plain.seconds(), [(100, 400)]);
    assert_eq!((window.intervals[0].logs, window.intervals[0].timeline.as_deref()), (3, Some("t")));
    assert_eq!(window.gaps.len(), 1);
    assert_eq!(window.gaps[0].cause, "what was committed since then has not been archived yet");
    assert_eq!(plain.window(at(400)).gaps, []);
    let plan = plain.plan(&time(201), None).unwrap();
    assert_eq!((plan.at, plan.until), (at(201), Some(time(201))));
    assert!(plan.why.contains("2 archived logs lead from there"), "{}", plan.why);
}

#[test]
fn the_newest_base_is_taken_and_a_named_one_when_it_leads_there() {
    let mut two = plain();
    two.bases.insert(0, base("c", 250, "0-1-25"));
    two.leads(&time(300), "c", &["l2"]);
    two.leads(&time(250), "b", &["l1", "l2"]);
    two.leads(&time(251), "c", &["l2"]);
    two.leads(&time(240), "b", &["l1", "l2"]);
    let named = two.plan(&time(300), Some(&id("b"))).unwrap();
    assert_eq!(named.logs, [id("l1"), id("l2")]);
    let late = two.plan(&time(200), Some(&id("c"))).unwrap_err();
    assert_eq!(late.kind, FailureKind::Invalid);
    assert!(late.message.contains("2024-03-26T12:04:10Z to 2024-03-26T12:06:40Z"), "{late}");
    assert_eq!(two.plan(&time(300), Some(&id("x"))).unwrap_err().kind, FailureKind::NotFound);
    // Its very instant needs no log.
    two.bases[0].at = at(250).plus(std::time::Duration::from_millis(1));
    assert_eq!(two.plan(&Until::Time(two.bases[0].at), None).unwrap().logs, []);
    assert_eq!(two.seconds(), [(250, 400), (100, 250)]);
    let window = two.window(at(400));
    assert_eq!(
        window.intervals.iter().map(|it| (&it.base, it.logs)).collect::<Vec<_>>(),
        [(&id("c"), 2), (&id("b"), 2)]
    );
}

#[test]
fn a_hole_ends_the_window_and_says_why() {
    let mut purged = plain();
    purged.logs[2] = LogSpan {
        cause: Some("purged".to_owned()),
        sequence: 2,
        ..log("l3", "t2", ("0-1-33", "0-1-40"), Some((340, 390)), 400)
    };
    assert_eq!(purged.seconds(), [(100, 300)]);
    let cause =
        format!("log backup {} began a new timeline: the server had purged logs before they were archived", id("l3"));
    assert_eq!(purged.causes(), std::slice::from_ref(&cause));
    assert!(purged.refuses(&time(350)).message.contains(&cause));
    // Until a base lies within what came after.
    purged.bases.push(base("c", 360, "0-1-36"));
    assert_eq!(purged.seconds(), [(360, 400), (100, 300)]);
    purged.leads(&time(400), "c", &["l3"]);
    let gaps = purged.window(at(400)).gaps;
    assert_eq!((gaps.len(), gaps[0].from, gaps[0].to), (1, at(300), Some(at(360))));
    assert!(purged.refuses(&time(330)).message.contains("2024-03-26T12:05:00Z and 2024-03-26T12:06:00Z"));
    purged.leads(&time(360), "c", &[]);
    purged.refuses(&time(359));

    // A log in the middle is missing, its timeline says nothing of it.
    let mut missing = plain();
    missing.logs.remove(1);
    assert_eq!(missing.seconds(), [(100, 200)]);
    assert_eq!(missing.causes(), [format!("logs between log backups {} and {} are missing", id("l1"), id("l3"))]);
}

#[test]
fn a_base_before_the_first_log_or_after_the_last_is_not_continued_over_what_is_missing() {
    let mut outside = plain();
    outside.bases = vec![base("old", 40, "0-1-4"), base("new", 450, "0-1-44")];
    assert_eq!(outside.seconds(), [(450, 450), (40, 40)]);
    outside.refuses(&time(300));
    // Exactly where the logs begin is enough, also when nothing was committed for long.
    outside.bases[0] = base("old", 20, "0-1-5");
    assert_eq!(outside.seconds(), [(450, 450), (20, 400)]);
    outside.leads(&time(30), "old", &["l1"]);
    // And where they end, when more come.
    outside.bases[1] = base("new", 450, "0-1-40");
    outside.logs.push(LogSpan { sequence: 3, ..log("l4", "t", ("0-1-40", "0-1-50"), Some((470, 490)), 500) });
    outside.leads(&time(480), "new", &["l4"]);
    assert_eq!(outside.seconds(), [(450, 500), (20, 450)]);
    // A base without a position restores to its own instant, and says so.
    outside.bases[1].gtid = None;
    outside.leads(&time(480), "old", &["l1", "l2", "l3", "l4"]);
    assert_eq!(outside.seconds(), [(20, 500)]);
    outside.bases.remove(0);
    assert!(outside.causes()[0].contains("does not say which transactions it holds"));
}

#[test]
fn quiet_logs_prove_that_nothing_happened() {
    let quiet = history(
        vec![base("b", 100, "0-1-10")],
        vec![
            log("l1", "t", ("0-1-5", "0-1-10"), Some((50, 60)), 80),
            log("l2", "t", ("0-1-10", "0-1-10"), None, 300),
            log("l3", "t", ("0-1-10", "0-1-11"), Some((350, 350)), 400),
        ],
    );
    let plan = quiet.plan(&time(290), None).unwrap();
    assert_eq!((plan.logs.len(), plan.until, plan.at), (0, None, at(290)));
    assert!(plan.why.contains("nothing was committed"), "{}", plan.why);
    quiet.leads(&time(351), "b", &["l3"]);
    assert_eq!(quiet.seconds(), [(100, 400)]);
}

#[test]
fn damaged_bases_are_not_used_and_damaged_logs_end_the_window() {
    let mut damaged = plain();
    damaged.bases.push(base("c", 250, "0-1-25"));
    damaged.bases[1].good = false;
    damaged.leads(&time(300), "b", &["l1", "l2"]);
    assert_eq!(damaged.plan(&time(300), Some(&id("c"))).unwrap_err().kind, FailureKind::Conflict);
    damaged.logs[1].good = false;
    assert_eq!(damaged.seconds(), [(100, 200)]);
    let cause = &damaged.causes()[0];
    assert!(cause.starts_with(&format!("log backup {} was found damaged; backup {}", id("l2"), id("c"))), "{cause}");
    damaged.refuses(&time(350));
    damaged.bases[0].good = false;
    assert_eq!(damaged.seconds(), []);
    // A log that held nothing is no loss, and one that was archived again is none either.
    let mut again = plain();
    again.logs[1].good = false;
    again.logs.push(LogSpan { sequence: 3, ..log("l2b", "t", ("0-1-20", "0-1-50"), Some((210, 490)), 500) });
    again.logs.remove(2);
    again.leads(&time(450), "b", &["l1", "l2b"]);
}

/// Restored to the past and written on: the same GTIDs stand for other transactions.
#[test]
fn after_a_restore_the_same_gtids_are_another_history() {
    let mut story = plain();
    // At 500 the service went back to 0-1-10; it wrote to 0-1-30 again until 700.
    story.restores = vec![at(500)];
    story.logs.push(LogSpan {
        cause: Some("reset".to_owned()),
        sequence: 3,
        ..log("n1", "u", ("0-1-10", "0-1-20"), Some((510, 590)), 600)
    });
    story.logs.push(LogSpan { sequence: 4, ..log("n2", "u", ("0-1-20", "0-1-30"), Some((610, 690)), 700) });
    // The old base has exactly the state that the new logs begin with by number; nobody knows whether it is the same.
    assert_eq!(story.seconds(), [(100, 400)]);
    story.refuses(&time(650));
    assert!(story.causes()[0].contains("the service was restored at 2024-03-26T12:08:20Z"), "{:?}", story.causes());
    // What the log calls one timeline is none over a restore.
    let mut deceived = story.clone();
    deceived.logs[3] = LogSpan { sequence: 3, ..log("n1", "t", ("0-1-40", "0-1-50"), Some((510, 590)), 600) };
    deceived.logs.truncate(4);
    assert_eq!(deceived.seconds(), [(100, 400)]);

    story.bases.push(base("c", 560, "0-1-15"));
    assert_eq!(story.seconds(), [(560, 700), (100, 400)]);
    story.leads(&time(650), "c", &["n1", "n2"]);
    story.leads(&time(350), "b", &["l1", "l2", "l3"]);
    let both = story.plan(&transaction("0-1-25"), None).unwrap_err();
    assert_eq!(both.kind, FailureKind::Conflict);
    assert!(both.hint.unwrap().contains("point in time"));
    let old = story.plan(&transaction("0-1-25"), Some(&id("b"))).unwrap();
    assert_eq!(old.logs, [id("l1"), id("l2")]);
    let new = story.plan(&transaction("0-1-25"), Some(&id("c"))).unwrap();
    assert_eq!(new.logs, [id("n1"), id("n2")]);
    // Only the old one got that far.
    story.leads(&transaction("0-1-35"), "b", &["l1", "l2", "l3"]);
}

/// As after `RESET MASTER`, of which nobody told: numbers begin anew, and an old base seems to have them all already.
#[test]
fn a_base_from_before_a_reset_is_not_continued_by_what_came_after() {
    let after = |place| LogSpan {
        from: Some(file(1, 4)),
        to: Some(place),
        ..log("l1", "u", ("", "0-1-60"), Some((103, 900)), 900)
    };
    let mut reset = history(vec![base("b", 100, "0-1-50")], vec![after(file(3, 10))]);
    assert_eq!(reset.seconds(), [(100, 100)]);
    // Within the precision of clocks, only the server's own log tells.
    reset.logs[0].first = Some(at(100));
    reset.bases[0].place = Some(file(7, 1000));
    assert_eq!(reset.seconds(), [(100, 100)]);
    // By its files too, had it grown that far.
    reset.logs = vec![
        LogSpan { first: Some(at(100)), ..after(file(3, 10)) },
        LogSpan {
            sequence: 1,
            from: Some(file(3, 10)),
            to: Some(file(9, 10)),
            ..log("l2", "u", ("0-1-60", "0-1-90"), Some((910, 990)), 1000)
        },
        LogSpan {
            sequence: 2,
            from: Some(file(9, 10)),
            to: Some(file(10, 10)),
            ..log("l3", "u", ("0-1-90", "0-1-95"), Some((1010, 1090)), 1100)
        },
    ];
    reset.logs.insert(
        0,
        LogSpan {
            first: Some(at(100)),
            from: Some(file(1, 4)),
            to: Some(file(1, 10)),
            ..log("l0", "u", ("", "0-1-55"), Some((100, 105)), 110)
        },
    );
    reset.logs[1] = LogSpan {
        from: Some(file(1, 10)),
        to: Some(file(3, 10)),
        ..log("l1", "u", ("0-1-55", "0-1-60"), Some((111, 900)), 900)
    };
    for (sequence, log) in (0..).zip(&mut reset.logs) {
        log.sequence = sequence;
    }
    assert_eq!(reset.seconds(), [(100, 100)]);
    // One that was taken after it is.
    reset.bases[0] = BasePoint { place: Some(file(1, 8)), ..base("b", 104, "0-1-53") };
    assert_eq!(reset.seconds(), [(104, 1100)]);
}

fn file(number: u64, offset: u64) -> LogPlace {
    LogPlace { name: "binlog".to_owned(), number, offset }
}

fn from_two(span: LogSpan) -> LogSpan {
    LogSpan { server_uid: Some("two".to_owned()), server_id: Some(2), cause: Some("other-server".to_owned()), ..span }
}

#[test]
fn a_replica_that_took_over_goes_on_when_it_had_everything() {
    let mut failed_over = plain();
    // Its own logs begin long before; they have the same transactions, and then its own.
    let replica = log("r1", "r", ("0-1-2", "0-1-40,0-2-45"), Some((20, 490)), 500);
    failed_over.logs.push(LogSpan { sequence: 3, ..from_two(replica) });
    assert_eq!(failed_over.seconds(), [(100, 500)]);
    failed_over.leads(&time(450), "b", &["l1", "l2", "l3", "r1"]);
    failed_over.leads(&transaction("0-2-43"), "b", &["l1", "l2", "l3", "r1"]);
    // The base may as well be continued by the replica's logs alone: one history, no ambiguity.
    failed_over.leads(&transaction("0-1-25"), "b", &["l1", "l2"]);
    failed_over.bases.push(BasePoint {
        server_uid: Some("two".to_owned()),
        server_id: Some(2),
        ..base("c", 480, "0-2-44")
    });
    assert_eq!(failed_over.seconds(), [(480, 500), (100, 480)]);

    // It began where the other one ended, to the transaction.
    let mut exact = plain();
    exact
        .logs
        .push(LogSpan { sequence: 3, ..from_two(log("r1", "r", ("0-1-40", "0-1-40,0-2-45"), Some((410, 490)), 500)) });
    assert_eq!(exact.seconds(), [(100, 500)]);
}

#[test]
fn a_server_that_lacks_something_or_is_another_one_does_not_go_on() {
    let with = |span: LogSpan| {
        let mut history = plain();
        history.bases[0].at = at(100);
        history.logs.push(LogSpan { sequence: 3, ..span });
        history
    };
    // It never had 0-1-39 and 0-1-40, and wrote others in their place; 0-1-38 was the last that it had.
    let lossy = with(from_two(log("r1", "r", ("0-1-20", "0-1-38,0-2-45"), Some((210, 490)), 500)));
    assert_eq!(lossy.seconds(), [(100, 400)]);
    assert!(lossy.causes()[0].contains("does not go on where the one before ended"), "{:?}", lossy.causes());
    lossy.refuses(&time(450));
    // Some of its logs are gone: a hole.
    let hole = with(from_two(log("r1", "r", ("0-1-40,0-2-42", "0-1-40,0-2-45"), Some((450, 490)), 500)));
    assert_eq!(hole.seconds(), [(100, 400)]);
    // Another database altogether, which counts from 1 and has the same number.
    let stranger =
        LogSpan { server_uid: Some("two".to_owned()), ..log("r1", "r", ("", "0-1-90"), Some((0, 490)), 500) };
    assert_eq!(with(stranger).seconds(), [(100, 400)]);
}

#[test]
fn transactions_are_found_in_all_domains() {
    let domains = history(
        vec![base("b", 100, "0-1-10,5-1-3")],
        vec![
            log("l1", "t", ("0-1-5,5-1-1", "0-1-20,5-1-3"), Some((50, 190)), 200),
            log("l2", "t", ("0-1-20,5-1-3", "0-1-20,5-1-9"), Some((210, 290)), 300),
            log("l3", "t", ("0-1-20,5-1-9", "0-1-30,5-1-9,7-1-1"), Some((310, 390)), 400),
        ],
    );
    domains.leads(&transaction("0-1-15"), "b", &["l1"]);
    domains.leads(&transaction("0-1-15,5-1-6"), "b", &["l1", "l2"]);
    domains.leads(&transaction("7-1-1"), "b", &["l1", "l2", "l3"]);
    domains.leads(&transaction("0-1-10,5-1-3"), "b", &[]);
    domains.leads(&transaction("0-1-10"), "b", &[]);
    domains.leads(&transaction("0-1-10,5-1-4"), "b", &["l1", "l2"]);
    // Before the base in one of them, never, by another server, and no transaction at all.
    for target in ["0-1-9,5-1-6", "0-1-31", "8-1-1", "0-2-15", "0-2-10"] {
        let failure = domains.refuses(&transaction(target));
        assert!(failure.message.contains(target) && failure.message.contains("0-1-30,5-1-9,7-1-1"), "{failure}");
    }
    domains.refuses(&transaction(""));
    // A base lacks a domain that the logs begin after.
    let mut lacking = domains.clone();
    lacking.bases[0].gtid = Some(gtid("0-1-10"));
    assert_eq!(lacking.seconds(), [(100, 100)]);
}

#[test]
fn records_become_bases_with_whole_chains_and_logs_by_what_their_reports_say() {
    let report = |positions: &[(&str, &str)]| Report {
        server_version: "10.11".to_owned(),
        point_in_time: Some("2024-03-26T12:01:40Z".to_owned()),
        positions: positions.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
    };
    let record = |name: &str, parent: Option<&str>, report: Report| Record {
        id: id(name),
        method: "full".parse().unwrap(),
        parent: parent.map(id),
        report: Some(report),
        good: true,
        started_at: at(90),
        finished_at: at(110),
        verified_at: Some(at(120)),
        verified_level: Some("drill".to_owned()),
    };
    let full = record(
        "f",
        None,
        report(&[
            ("gtid", "0-1-10"),
            ("binlog.file", "binlog.000012"),
            ("binlog.position", "91822"),
            ("server.uid", "one"),
            ("server.id", "1"),
        ]),
    );
    let on = |parent: &str| report(&[("gtid", "0-1-20"), ("base", id(parent).as_str())]);
    let logs = report(&[
        ("timeline", "t"),
        ("timeline.cause", "first"),
        ("timeline.reason", "the first"),
        ("server.uid", "one"),
        ("server.id", "1"),
        ("start.file", "binlog.000011"),
        ("start.position", "4"),
        ("end.file", "binlog.000013"),
        ("end.position", "500"),
        ("gtid.start", ""),
        ("gtid.end", "0-1-15,0-2-9"),
        ("time.first", "2024-03-26T12:00:50Z"),
        ("time.last", "2024-03-26T12:01:30Z"),
    ]);
    let mut records = vec![
        full.clone(),
        record("i1", Some("f"), on("f")),
        record("i2", Some("i1"), on("i1")),
        record("l", None, logs.clone()),
    ];
    for (second, record) in (110..).zip(&mut records) {
        record.finished_at = at(second);
    }
    let seen = History::from_records(&records, vec![at(9), at(7)]);
    let chains: Vec<_> = seen.bases.iter().map(|base| (base.good, base.chain.clone())).collect();
    let (f, i1, i2) = (id("f"), id("i1"), id("i2"));
    let whole = [vec![f.clone()], vec![f.clone(), i1.clone()], vec![f.clone(), i1.clone(), i2.clone()]];
    assert_eq!(chains, whole.map(|chain| (true, chain)));
    assert_eq!(seen.bases[0].place, Some(file(12, 91822)));
    assert_eq!((seen.bases[0].at, seen.bases[0].taken, seen.bases[0].server_id), (at(100), at(90), Some(1)));
    assert_eq!(seen.restores, [at(7), at(9)]);
    let log = &seen.logs[0];
    assert_eq!((log.timeline.as_str(), log.sequence, log.first), ("t", 3, Some(at(50))));
    assert_eq!((log.start.is_empty(), log.end.to_string()), (true, "0-1-15,0-2-9".to_owned()));
    assert_eq!((&log.from, &log.to), (&Some(file(11, 4)), &Some(file(13, 500))));
    assert_eq!((log.complete_until, log.reason.as_deref()), (at(100), Some("the first")));

    let good = |records: &[Record]| -> Vec<bool> {
        History::from_records(records, Vec::new()).bases.iter().map(|base| base.good).collect()
    };
    // A damaged link takes with it what is on top of it; so does a missing one.
    let mut damaged = records.clone();
    damaged[1].good = false;
    assert_eq!(good(&damaged), [true, false, false]);
    assert_eq!(good(&records[1..]), [false, false]);
    // The catalog and the method disagree, or the method continues what the catalog does not know.
    let mut other = records.clone();
    other[2].parent = Some(id("f"));
    assert_eq!(good(&other), [true, true, false]);
    other[2].parent = None;
    assert_eq!(good(&other), [true, true, false]);
    // No circle, and nothing on top of logs.
    let mut circle = records.clone();
    circle[0].parent = Some(id("i2"));
    assert_eq!(good(&circle), [false, false, false]);
    other[2].parent = Some(id("l"));
    other[2].report = Some(report(&[]));
    assert_eq!(good(&other), [true, true, false]);
    // Logs of which the report does not say what they hold are of no use, and no base.
    let mut mute = records;
    mute[3].report.as_mut().unwrap().positions.retain(|(name, _)| name != "gtid.end");
    let seen = History::from_records(&mute, Vec::new());
    assert_eq!((seen.bases.len(), seen.logs.len()), (3, 0));
}

#[test]
fn a_month_of_continuous_logs_is_planned_in_no_time() {
    let logs = (0..50_000).map(|at| {
        let (from, to) = (format!("0-1-{}", at * 10 + 1), format!("0-1-{}", at * 10 + 11));
        log(&format!("l{at}"), "t", (&from, &to), Some((at * 60 + 1, at * 60 + 59)), at * 60 + 60)
    });
    let bases = (1..200).map(|at| base(&format!("b{at}"), at * 15_000, &format!("0-1-{}", at * 2_500 + 1)));
    let long = history(bases.collect(), logs.collect());
    let begun = std::time::Instant::now();
    let window = long.window(at(5_000_000));
    assert_eq!((window.intervals.len(), window.gaps.len()), (199, 1));
    let plan = long.plan(&time(2_990_000), None).unwrap();
    assert_eq!(plan.chain, [id("b199")]);
    let far = long.plan(&time(2_990_000), Some(&id("b1"))).unwrap();
    assert_eq!(far.logs.len(), 49_584);
    // Hundreds of times what it takes, thousandths of what n squared does.
    assert!(begun.elapsed() < std::time::Duration::from_secs(20), "{:?}", begun.elapsed());
}

#[test]
fn a_copy_of_a_server_does_not_say_what_came_before_its_first_log() {
    let copy = |first: &str| LogSpan {
        firsts: gtid(first),
        ..from_two(log("r1", "r", ("", "0-1-40,0-2-45"), Some((20, 490)), 500))
    };
    // It has all from 0-1-36 on: it goes on where 0-1-40 is the last, not where 0-1-30 is.
    let mut whole = plain();
    whole.logs.push(LogSpan { sequence: 3, ..copy("0-1-36") });
    assert_eq!(whole.seconds(), [(100, 500)]);
    whole.logs.remove(2);
    assert_eq!(whole.seconds(), [(100, 300)]);
    // No base is continued over what it lacks; one that ends right there is, whoever wrote that.
    whole.logs = vec![LogSpan { end: gtid("0-2-45"), ..copy("0-2-41") }];
    whole.bases =
        vec![BasePoint { server_uid: Some("two".to_owned()), server_id: Some(2), ..base("b", 100, "0-1-39") }];
    assert_eq!(whole.seconds(), [(100, 100)]);
    whole.bases[0].gtid = Some(gtid("0-1-40"));
    assert_eq!(whole.seconds(), [(100, 500)]);
}

#[test]
fn a_domain_that_the_server_was_told_to_forget_is_no_hole() {
    let mut forgot = plain();
    forgot.bases[0].gtid = Some(gtid("0-1-10,7-1-3"));
    forgot.logs[0].start = gtid("0-1-5,7-1-3");
    forgot.logs[0].end = gtid("0-1-20,7-1-3");
    assert_eq!(forgot.seconds(), [(100, 400)]);
}

/// A crash took what the server had logged last; it goes on in its place.
#[test]
fn a_base_with_what_a_server_has_lost_is_not_continued_by_what_came_instead() {
    let mut lost = plain();
    let anew = log("n1", "n", ("0-1-5", "0-1-60"), Some((50, 590)), 600);
    lost.logs.push(LogSpan { sequence: 3, cause: Some("lost".to_owned()), ..anew });
    lost.bases.push(base("c", 395, "0-1-40"));
    assert_eq!(lost.seconds(), [(395, 400), (100, 395)]);
    lost.bases.push(base("d", 500, "0-1-50"));
    assert_eq!(lost.seconds(), [(500, 600), (395, 400), (100, 395)]);
    assert!(lost.causes()[0].contains("archived"), "{:?}", lost.causes());
}

mod kept {
    use super::*;
    use crate::{LogKeepers, Reason, Removal, Verdict, plan_logs};

    /// In short, of each log: which base it continues, or the word of what keeps it, or why it goes.
    fn words(history: &History, keepers: &LogKeepers) -> Vec<String> {
        let short = |verdict: Verdict| match (verdict.keep.first(), verdict.removal) {
            (Some(Reason::Continues(base)), None) => base.as_str().to_owned(),
            (Some(reason), None) => reason.as_str().to_owned(),
            (None, Some(removal)) => removal.as_str().to_owned(),
            neither => panic!("{neither:?}"),
        };
        plan_logs(history, keepers).into_iter().map(short).collect()
    }

    #[track_caller]
    fn are(history: &History, expected: &[&str]) {
        let expected: Vec<String> = expected
            .iter()
            .map(|word| if word.len() < 3 { id(word).as_str().to_owned() } else { (*word).to_owned() })
            .collect();
        assert_eq!(words(history, &LogKeepers::default()), expected);
    }

    #[test]
    fn logs_stay_as_long_as_the_base_that_they_continue() {
        let mut two = plain();
        two.bases.push(base("c", 250, "0-1-25"));
        are(&two, &["b", "c", "c"]);
        two.bases.remove(0);
        are(&two, &["before_bases", "c", "c"]);
        // The next one begins exactly there.
        two.bases[0] = base("c", 300, "0-1-30");
        are(&two, &["before_bases", "before_bases", "c"]);
        // Not archived that far yet: the newest stays, the next goes on from there.
        two.bases[0] = base("c", 450, "0-1-45");
        are(&two, &["before_bases", "before_bases", "newest_log"]);
        two.bases.clear();
        are(&two, &["no_base", "no_base", "newest_log"]);
        let keepers = LogKeepers { pinned: [id("l1")].into(), making_since: Some(at(300)) };
        assert_eq!(words(&two, &keepers), ["pinned", "being_made", "newest_log"]);
    }

    #[test]
    fn after_a_hole_or_a_restore_logs_without_a_base_go_and_those_before_stay() {
        let mut hole = plain();
        hole.logs[1] = LogSpan { sequence: 1, ..log("l2", "t2", ("0-1-25", "0-1-30"), Some((260, 290)), 300) };
        hole.logs[2].timeline = "t2".to_owned();
        are(&hole, &["b", "no_base", "newest_log"]);
        hole.bases.push(base("c", 350, "0-1-35"));
        are(&hole, &["b", "no_base", "c"]);

        let mut restored = plain();
        restored.restores = vec![at(310)];
        are(&restored, &["b", "b", "newest_log"]);
    }

    /// A drill may have been wrong, a link may be repaired; a log that is gone is gone.
    #[test]
    fn what_is_damaged_keeps_its_logs_as_long_as_it_is_kept_itself() {
        let mut damaged = plain();
        damaged.bases[0].good = false;
        are(&damaged, &["b", "b", "b"]);
        damaged.logs[1].good = false;
        are(&damaged, &["b", "b", "b"]);
        damaged.bases[0].whole = false;
        are(&damaged, &["no_base", "no_base", "newest_log"]);
    }

    #[test]
    fn a_removal_says_why() {
        let mut gone = plain();
        gone.bases[0] = base("b", 300, "0-1-30");
        let verdicts = plan_logs(&gone, &LogKeepers::default());
        assert_eq!((verdicts[0].expires(), verdicts[0].removal), (true, Some(Removal::BeforeBases)));
        assert_eq!(verdicts[2].keep, [Reason::Continues(id("b")), Reason::NewestLog]);
    }

    /// Whatever is removed, no instant that could be restored is lost.
    #[test]
    fn removing_leaves_the_window_as_it_is() {
        let mut history = plain();
        history.bases = vec![base("b", 215, "0-1-21"), base("c", 320, "0-1-31")];
        history.logs.push(LogSpan {
            sequence: 3,
            ..from_two(log("r1", "r", ("0-1-2", "0-1-40,0-2-45"), Some((20, 490)), 500))
        });
        let before = history.window(at(500));
        let verdicts = plan_logs(&history, &LogKeepers::default());
        let gone: Vec<_> = verdicts.iter().filter(|it| it.expires()).map(|it| it.id.clone()).collect();
        assert_eq!(gone, [id("l1")]);
        history.logs.retain(|log| !gone.contains(&log.backup));
        assert_eq!(history.window(at(500)), before);
    }
}
