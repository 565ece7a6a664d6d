//! Clocks that were wrong, and logs that no replay leads through.

use std::time::Duration;

use super::*;

const DAY: i64 = 86_400;

/// [`plain`], with one more log until 500, whose second one was archived while the server's clock was a day ahead.
fn ahead() -> History {
    let mut history = plain();
    history.logs.push(LogSpan { sequence: 3, ..log("l4", "t", ("0-1-40", "0-1-50"), Some((410, 490)), 500) });
    history.logs[1].complete_until = at(DAY + 300);
    history.logs[2].set_back = Some(at(DAY + 300));
    history
}

#[test]
fn a_clock_that_was_ahead_once_lets_no_later_log_be_left_out() {
    let ahead = ahead();
    ahead.leads(&time(150), "b", &["l1"]);
    ahead.leads(&time(201), "b", &["l1", "l2", "l3"]);
    ahead.leads(&time(350), "b", &["l1", "l2", "l3"]);
    ahead.leads(&time(450), "b", &["l1", "l2", "l3", "l4"]);
    // What no log is known to hold is not promised.
    assert_eq!(ahead.seconds(), [(100, 500)]);
    ahead.refuses(&time(501));
    ahead.refuses(&time(DAY));
    let doubts = ahead.window(at(600)).doubts;
    assert_eq!((doubts.len(), doubts[0].from, doubts[0].to), (1, at(200), at(DAY + 300)));
    assert!(
        doubts[0].cause.contains("clock went back from 2024-03-27T12:05:00Z to 2024-03-26T12:06:40Z"),
        "{doubts:?}"
    );
    // A backup that was made since may be of a time before.
    let mut since = ahead.clone();
    since.bases.push(base("c", 350, "0-1-35"));
    since.leads(&time(450), "b", &["l1", "l2", "l3", "l4"]);
    for (at_host, log) in [200, 300, 400, 500].into_iter().zip(&mut since.logs) {
        log.witness = Some(at(at_host));
    }
    since.leads(&time(450), "c", &["l3", "l4"]);
    // Where the host's clock tells that it is right again, the doubt ends there.
    let mut witnessed = ahead;
    witnessed.logs[2].witness = Some(at(401));
    let doubts = witnessed.window(at(600)).doubts;
    assert_eq!((doubts[0].from, doubts[0].to), (at(200), at(400)));
}

#[test]
fn a_clock_that_was_behind_for_a_while_makes_the_plan_go_on_until_it_was_right() {
    let mut behind = ahead();
    behind.logs[1].complete_until = at(150);
    behind.logs[2].set_back = None;
    // The same second came twice.
    behind.leads(&time(180), "b", &["l1", "l2", "l3"]);
    behind.leads(&time(140), "b", &["l1", "l2"]);
    behind.leads(&time(450), "b", &["l1", "l2", "l3", "l4"]);
    // A backup of that time holds what was committed after the first time that the clock said it.
    behind.bases.push(base("c", 120, "0-1-25"));
    behind.leads(&time(140), "b", &["l1", "l2"]);
    behind.bases.pop();
    // The host's clock was right all the time.
    for (at_host, log) in [200, 300, 400, 500].into_iter().zip(&mut behind.logs) {
        log.witness = Some(at(at_host));
    }
    behind.leads(&time(180), "b", &["l1"]);
    behind.leads(&time(250), "b", &["l1", "l2", "l3"]);
}

#[test]
fn runs_that_follow_each_other_also_tell_whether_a_clock_was_wrong() {
    let mut ahead = ahead();
    for log in &mut ahead.logs[2..] {
        log.timeline = "u".to_owned();
        log.cause = Some("other-server".to_owned());
    }
    ahead.leads(&time(350), "b", &["l1", "l2", "l3"]);
    ahead.leads(&time(450), "b", &["l1", "l2", "l3", "l4"]);
    ahead.refuses(&time(600));
}

#[test]
fn stamps_that_are_not_in_order_are_told_in_the_window() {
    let mut plain = plain();
    plain.logs[1].disorder = Some((at(150), at(260)));
    let doubts = plain.window(at(400)).doubts;
    assert_eq!((doubts.len(), doubts[0].from, doubts[0].to), (1, at(200), at(260)));
    assert!(doubts[0].cause.contains(id("l2").as_str()), "{doubts:?}");
}

/// The server lost transactions while it wrote the second log.
fn incident(second: (&str, &str), third: (&str, &str)) -> History {
    let mut history = plain();
    history.logs[1] =
        LogSpan { incident: Some(second.0.to_owned()), sequence: 1, ..log("l2", "t", second, Some((210, 290)), 300) };
    history.logs[2] = LogSpan {
        cause: Some("incident".to_owned()),
        created: Some(at(280)),
        sequence: 2,
        ..log("l3", "u", third, Some((310, 390)), 400)
    };
    history
}

#[test]
fn no_interval_leads_over_transactions_that_the_server_lost() {
    for mut lost in
        [incident(("0-1-20", "0-1-30"), ("0-1-30", "0-1-40")), incident(("0-1-20", "0-1-20"), ("0-1-20", "0-1-40"))]
    {
        // A backup that was made right before.
        lost.bases.push(base("c", 250, "0-1-20"));
        assert_eq!(lost.seconds(), [(250, 250), (100, 200)]);
        let causes = lost.causes();
        assert!(causes.iter().any(|cause| cause.contains("lost transactions after 0-1-20")), "{causes:?}");
        for second in [260, 310, 400] {
            lost.refuses(&time(second));
        }
        lost.refuses(&transaction("0-1-40"));
        // Until there is a backup made after it.
        lost.bases.push(base("d", 350, "0-1-35"));
        lost.leads(&time(400), "d", &["l3"]);
        // What is gone takes its cause along, and makes nothing whole.
        lost.logs.remove(1);
        lost.refuses(&time(310));
        assert_eq!(lost.seconds(), [(350, 400), (250, 250), (100, 200)]);
    }
}

fn record(name: &str, finished: i64, from: (&str, u64), to: (&str, u64), states: (&str, &str)) -> Record {
    let positions = [
        ("timeline", id("l1").to_string()),
        ("start.file", from.0.to_owned()),
        ("start.position", from.1.to_string()),
        ("end.file", to.0.to_owned()),
        ("end.position", to.1.to_string()),
        ("gtid.start", states.0.to_owned()),
        ("gtid.end", states.1.to_owned()),
        ("time.first", at(DAY * 7).to_string()),
        ("time.last", at(DAY * 7).to_string()),
    ];
    let report = Report {
        server_version: String::new(),
        point_in_time: Some(at(finished).to_string()),
        positions: positions.map(|(name, value)| (name.to_owned(), value)).into(),
    };
    Record {
        id: id(name),
        method: "binarylog".parse().unwrap(),
        parent: None,
        report: Some(report),
        good: true,
        started_at: at(finished),
        finished_at: at(finished),
        verified_at: None,
        verified_level: None,
    }
}

#[test]
fn logs_are_in_the_order_of_the_server_whatever_the_clock_of_the_host_said() {
    let records = [
        record("l1", 200, ("binlog.000009", 4), ("binlog.000009", 900), ("", "0-1-10")),
        record("l2", DAY, ("binlog.000010", 4), ("binlog.000010", 500), ("0-1-10", "0-1-20")),
        record("l3", 400, ("binlog.000010", 500), ("binlog.000011", 300), ("0-1-20", "0-1-30")),
    ];
    let history = History::from_records(&records, Vec::new());
    let mut logs: Vec<&LogSpan> = history.logs.iter().collect();
    logs.sort_by_key(|log| log.sequence);
    assert_eq!(logs.iter().map(|log| log.backup.clone()).collect::<Vec<_>>(), [id("l1"), id("l2"), id("l3")]);
    // A stamp from a week ahead says nothing of when its transaction was committed.
    assert_eq!((logs[0].first, logs[0].last), (None, Some(at(200).plus(Duration::from_mins(1)))));
}
