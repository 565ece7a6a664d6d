//! Schedules against the second cron in `vixie.rs`, and what is refused.

use bulkhead_model::{Expression, Timestamp, Zone};
use jiff::tz::TimeZone;

use crate::random::Random;
use crate::vixie::{DAY, Entry, Minute, Window};

/// Clocks that change in the north, in the south, at midnight, by half an hour, by two hours, by a day, twice a Ramadan,
/// the other way round, for good, and not at all.
const ZONES: [&str; 18] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Europe/Dublin",
    "America/Sao_Paulo",
    "America/Santiago",
    "America/Havana",
    "Australia/Lord_Howe",
    "Australia/Sydney",
    "Pacific/Apia",
    "Pacific/Chatham",
    "Asia/Kathmandu",
    "Asia/Gaza",
    "Asia/Pyongyang",
    "Africa/Casablanca",
    "Africa/Cairo",
    "Antarctica/Troll",
    "Antarctica/Casey",
];

const SEED: u64 = 2026;
const CASES: usize = 10_000;
const MINUTE: i64 = 60_000_000;

/// 2005 to 2040.
const FROM: Minute = 12_784 * DAY;
const TO: Minute = 25_567 * DAY;

#[test]
fn a_second_cron_finds_the_same_times() {
    let zones = ZONES.map(|name| {
        let zone: Zone = name.parse().unwrap();
        (zone, Window::new(&TimeZone::get(name).unwrap(), FROM, TO))
    });
    let random = &mut Random::new(SEED);
    let (mut impossible, mut compared) = (0, 0);
    for case in 0..CASES {
        let text = random.expression();
        let (zone, window) = random.one_of(&zones);
        let changes: Vec<_> = window.changes().collect();
        // Every second one around a change of the clock.
        let after = match changes.is_empty() || random.chance(50) {
            true => random.number(FROM + 10 * DAY, FROM + 25 * 365 * DAY),
            false => (*random.one_of(&changes)).clamp(FROM + 10 * DAY, TO - 10 * DAY) + random.number(-2 * DAY, DAY),
        };
        let within = if random.chance(50) { 0 } else { random.number(0, MINUTE - 1) };
        let expected = Entry::load(&text).runs(window, after, 4);
        let Ok(expression) = text.parse::<Expression>() else {
            assert!(expected.is_empty(), "case {case}: `{text}` was refused");
            impossible += 1;
            continue;
        };
        let mut now = Timestamp::from_micros(after * MINUTE + within);
        for expected in &expected {
            let next = expression.next_after(zone, now);
            let expected = Timestamp::from_micros(expected * MINUTE);
            assert_eq!(next, Some(expected), "case {case}: `{text}` in {zone} after {now}");
            now = expected;
            compared += 1;
        }
        if expected.len() < 4 {
            let next = expression.next_after(zone, now).unwrap();
            assert!(next.as_micros() >= TO * MINUTE, "case {case}: `{text}` in {zone} after {now}: {next}");
        }
    }
    // Else the test compares nothing.
    assert!(impossible < CASES / 50 && compared > 3 * CASES, "{impossible} impossible, {compared} compared");
}

#[test]
fn clocks_that_change_neither_lose_a_run_nor_add_one() {
    // Expression, zone, from when on, the runs.
    for (text, zone, after, runs) in [
        // 02:30 is skipped: once, at the first instant after the gap; the next night as ever.
        ("30 2 * * *", "Europe/Berlin", "2027-03-27T12:00:00Z", ["2027-03-28T01:00:00Z", "2027-03-29T00:30:00Z"]),
        // Every quarter of a skipped hour is one run.
        ("*/15 2 * * *", "Europe/Berlin", "2027-03-27T12:00:00Z", ["2027-03-28T01:00:00Z", "2027-03-29T00:00:00Z"]),
        // With what is due there anyway, it is one run too.
        ("0 2,3 * * *", "Europe/Berlin", "2027-03-27T12:00:00Z", ["2027-03-28T01:00:00Z", "2027-03-29T00:00:00Z"]),
        // 02:30 comes twice: once, at its first pass.
        ("30 2 * * *", "Europe/Berlin", "2027-10-30T12:00:00Z", ["2027-10-31T00:30:00Z", "2027-11-01T01:30:00Z"]),
        // From within the second pass, too.
        ("30 2 * * *", "Europe/Berlin", "2027-10-31T01:10:00Z", ["2027-11-01T01:30:00Z", "2027-11-02T01:30:00Z"]),
        // Hourly is every 60 minutes, through both.
        ("30 * * * *", "Europe/Berlin", "2027-03-28T00:00:00Z", ["2027-03-28T00:30:00Z", "2027-03-28T01:30:00Z"]),
        ("30 * * * *", "Europe/Berlin", "2027-10-31T00:00:00Z", ["2027-10-31T00:30:00Z", "2027-10-31T01:30:00Z"]),
        // Every two hours: the even ones, as often as the clock shows them.
        ("0 */2 * * *", "Europe/Berlin", "2027-10-30T23:00:00Z", ["2027-10-31T00:00:00Z", "2027-10-31T01:00:00Z"]),
        ("0 */2 * * *", "Europe/Berlin", "2027-03-28T00:00:00Z", ["2027-03-28T02:00:00Z", "2027-03-28T04:00:00Z"]),
        // Half an hour, two hours, a whole day; a gap at midnight.
        ("15 2 * * *", "Australia/Lord_Howe", "2027-10-02T12:00:00Z", ["2027-10-02T15:30:00Z", "2027-10-03T15:15:00Z"]),
        ("30 1 * * *", "Antarctica/Troll", "2027-03-27T12:00:00Z", ["2027-03-28T01:00:00Z", "2027-03-28T23:30:00Z"]),
        ("0 9 * * *", "Pacific/Apia", "2011-12-29T20:00:00Z", ["2011-12-30T10:00:00Z", "2011-12-30T19:00:00Z"]),
        ("0 0 * * *", "America/Santiago", "2027-09-04T12:00:00Z", ["2027-09-05T04:00:00Z", "2027-09-06T03:00:00Z"]),
    ] {
        let (expression, zone): (Expression, Zone) = (text.parse().unwrap(), zone.parse().unwrap());
        let mut now = Timestamp::parse_rfc3339(after).unwrap();
        for run in runs {
            let next = expression.next_after(&zone, now).unwrap();
            assert_eq!(next.to_string(), run, "`{text}` in {zone} after {now}");
            now = next;
        }
    }
}

#[test]
fn any_instant_has_an_answer() {
    let expressions = ["* * * * *", "0 3 * * *", "59 23 29 2 */7", "0 0 1 1 *"].map(|text| text.parse().unwrap());
    let year_5000 = 95_617_584_000_000_000;
    let known = [i64::MIN, i64::MIN + 1, -62_135_596_800_000_000, -1, 0, 1, year_5000 - 1, year_5000, i64::MAX - 1];
    let random = &mut Random::new(SEED);
    for zone in ZONES.map(|name| name.parse::<Zone>().unwrap()) {
        for expression in &expressions {
            let expression: &Expression = expression;
            for micros in known.into_iter().chain((0..200).map(|_| random.number(-year_5000, 3 * year_5000))) {
                let now = Timestamp::from_micros(micros);
                match expression.next_after(&zone, now) {
                    Some(next) => assert!(next > now, "`{expression}` in {zone} after {now}: {next}"),
                    // A leap day that is a Sunday is up to 40 years away.
                    None => assert!(micros > year_5000 - 41 * 366 * DAY * MINUTE, "`{expression}` in {zone} at {now}"),
                }
            }
        }
    }
}
