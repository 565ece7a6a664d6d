//! What retention may never do, whatever the backups and the rules, and what a year of backups comes to.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bulkhead_model::{BackupId, Candidate, Reason, RetentionPolicy, Timestamp, Verdict, Zone, retention_plan};
use jiff::tz::TimeZone;
use proptest::prelude::*;
use serde_json::json;

const DAY: i64 = 86_400_000_000;
/// 2026-07-14T12:00:00Z.
const NOW: Timestamp = Timestamp::from_micros(1_784_030_400_000_000);
const BUCKETS: [&str; 4] = ["daily", "weekly", "monthly", "yearly"];

fn id(number: usize) -> BackupId {
    format!("{number:032x}:db1:server").parse().unwrap()
}

fn berlin() -> Zone {
    "Europe/Berlin".parse().unwrap()
}

fn expired(verdicts: &[Verdict]) -> BTreeSet<&str> {
    verdicts.iter().filter(|verdict| verdict.expires()).map(|verdict| verdict.id.as_str()).collect()
}

/// Newest first, of the last four years, most of them recent; some damaged, pinned, needed by newer ones or by others.
fn candidates() -> impl Strategy<Value = Vec<Candidate>> {
    let age = prop_oneof![0..20 * DAY, 0..400 * DAY, 0..1500 * DAY];
    let needed_by = prop::collection::vec(any::<prop::sample::Index>(), 0..3);
    let one = (age, prop::bool::weighted(0.8), prop::bool::weighted(0.05), prop::bool::weighted(0.3), needed_by);
    prop::collection::vec(one, 0..60).prop_map(|mut all| {
        all.sort_by_key(|(age, ..)| *age);
        all.dedup_by_key(|(age, ..)| *age);
        let make = |(number, (age, good, pinned, needed, by)): (usize, (_, _, _, bool, Vec<prop::sample::Index>))| {
            // Number 0 is taken for another backup, which is not among the candidates.
            let by = by.iter().filter(|_| needed && number > 0).map(|by| id(by.index(number))).collect();
            let at = Timestamp::from_micros(NOW.as_micros() - age);
            Candidate { id: id(number + 1), at, good, pinned, needed_by: by }
        };
        all.into_iter().enumerate().map(make).collect()
    })
}

/// The numbers of the six rules, in the order of `policy`.
fn rules() -> impl Strategy<Value = [u32; 6]> {
    let rule = |most: u32| prop_oneof![2 => Just(0), 1 => 1..most];
    let rules = [rule(8), rule(500), rule(10), rule(8), rule(14), rule(4)];
    rules.prop_filter("one rule at least", |rules| *rules != [0; 6])
}

fn policy(rules: [u32; 6]) -> RetentionPolicy {
    let set = |number: u32| Some(number).filter(|number| *number > 0);
    let [last, days, daily, weekly, monthly, yearly] = rules;
    let rules = json!({"keep_last": set(last), "keep_within_days": set(days), "daily": daily, "weekly": weekly,
                       "monthly": monthly, "yearly": yearly});
    RetentionPolicy::from_json(&rules).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_must_stay_stays(candidates in candidates(), rules in rules()) {
        let verdicts = retention_plan(&policy(rules), &berlin(), NOW, &candidates);
        let expired = expired(&verdicts);
        let newest_good = candidates.iter().find(|candidate| candidate.good);
        prop_assert!(newest_good.is_none_or(|newest| !expired.contains(newest.id.as_str())));
        for candidate in candidates.iter().filter(|candidate| expired.contains(candidate.id.as_str())) {
            prop_assert!(newest_good.is_some(), "{} expires, and no good one is left", candidate.id);
            prop_assert!(!candidate.pinned);
            let kept = candidate.needed_by.iter().find(|by| !expired.contains(by.as_str()));
            prop_assert_eq!(kept, None, "{} expires and is needed", candidate.id);
        }
    }

    #[test]
    fn another_rule_never_expires_more(candidates in candidates(), rules in rules(), more in rules()) {
        let both = std::array::from_fn(|rule| rules[rule].max(more[rule]));
        let few = retention_plan(&policy(rules), &berlin(), NOW, &candidates);
        let many = retention_plan(&policy(both), &berlin(), NOW, &candidates);
        prop_assert!(expired(&many).is_subset(&expired(&few)));
    }

    #[test]
    fn survivors_survive(candidates in candidates(), rules in rules()) {
        let verdicts = retention_plan(&policy(rules), &berlin(), NOW, &candidates);
        let gone = expired(&verdicts);
        let mut survivors: Vec<_> = candidates.iter().filter(|c| !gone.contains(c.id.as_str())).cloned().collect();
        for survivor in &mut survivors {
            survivor.needed_by.retain(|by| !gone.contains(by.as_str()));
        }
        let again = retention_plan(&policy(rules), &berlin(), NOW, &survivors);
        prop_assert_eq!(expired(&again), BTreeSet::new());
    }

    #[test]
    fn the_order_does_not_matter(candidates in candidates(), rules in rules()) {
        let forth = retention_plan(&policy(rules), &berlin(), NOW, &candidates);
        let reversed: Vec<_> = candidates.iter().rev().cloned().collect();
        let back = retention_plan(&policy(rules), &berlin(), NOW, &reversed);
        prop_assert_eq!(expired(&forth), expired(&back));
        prop_assert!(back.iter().zip(&reversed).all(|(verdict, candidate)| verdict.id == candidate.id));
    }

    /// The rules once more, by other means: without pins and needs exactly this is kept, and for these reasons.
    #[test]
    fn each_bucket_keeps_its_newest_good_backup(candidates in candidates(), rules in rules()) {
        let free: Vec<_> = candidates
            .into_iter()
            .map(|candidate| Candidate { pinned: false, needed_by: Vec::new(), ..candidate })
            .collect();
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let good: Vec<_> = free.iter().filter(|candidate| candidate.good).collect();
        let mut expected: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for (rule, format) in BUCKETS.iter().zip(["%Y-%m-%d", "%G-W%V", "%Y-%m", "%Y"]) {
            let mut newest = BTreeMap::new();
            for candidate in good.iter().rev() {
                let at = jiff::Timestamp::from_microsecond(candidate.at.as_micros()).unwrap();
                newest.insert(at.to_zoned(zone.clone()).strftime(format).to_string(), candidate);
            }
            let count = rules[2 + BUCKETS.iter().position(|bucket| bucket == rule).unwrap()];
            for (bucket, candidate) in newest.iter().rev().take(count as usize) {
                expected.entry(candidate.id.as_str()).or_default().insert(format!("{rule} {bucket}"));
            }
        }
        for candidate in good.iter().take(rules[0] as usize) {
            expected.entry(candidate.id.as_str()).or_default().insert("last".to_owned());
        }
        for candidate in &free {
            if NOW.since(candidate.at) < Duration::from_micros(u64::from(rules[1]) * DAY as u64) {
                expected.entry(candidate.id.as_str()).or_default().insert("within".to_owned());
            }
        }
        if let Some(newest) = good.first() {
            expected.entry(newest.id.as_str()).or_default().insert("last_good".to_owned());
        }
        for (candidate, verdict) in free.iter().zip(retention_plan(&policy(rules), &berlin(), NOW, &free)) {
            let reasons: BTreeSet<_> = verdict.keep.iter().filter(|reason| **reason != Reason::Newer).map(short).collect();
            prop_assert_eq!(reasons, expected.remove(candidate.id.as_str()).unwrap_or_default());
            prop_assert!(!candidate.good || !verdict.keep.contains(&Reason::Newer));
        }
    }
}

fn short(reason: &Reason) -> String {
    match reason {
        Reason::Daily(bucket) | Reason::Weekly(bucket) | Reason::Monthly(bucket) | Reason::Yearly(bucket) => {
            format!("{} {bucket}", reason.as_str())
        }
        other => other.as_str().to_owned(),
    }
}

#[test]
fn a_year_of_nights_comes_to_a_page() {
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    let first = jiff::civil::date(2026, 1, 1).at(0, 30, 0, 0);
    // Half an hour after midnight, when it is still the day before in UTC.
    let mut year: Vec<_> = (0..365)
        .map(|day| {
            let at = zone.to_zoned(first.checked_add(jiff::Span::new().days(day)).unwrap()).unwrap();
            let at = Timestamp::from_micros(at.timestamp().as_microsecond());
            Candidate { id: id(day as usize + 1), at, good: true, pinned: false, needed_by: Vec::new() }
        })
        .collect();
    year.reverse();
    let night = |month, day| 365 - jiff::civil::date(2026, month, day).day_of_year() as usize;
    year[night(12, 27)].good = false;
    year[night(2, 28)].good = false;
    year[night(5, 5)].pinned = true;
    year[night(8, 30)].needed_by = vec![year[night(8, 31)].id.clone()];
    year[night(8, 29)].needed_by = vec![year[night(8, 30)].id.clone()];

    let policy = RetentionPolicy::from_json(
        &json!({"keep_last": 2, "keep_within_days": 3, "daily": 6, "weekly": 4, "monthly": 12, "yearly": 3}),
    );
    let now = Timestamp::parse_rfc3339("2026-12-31T12:00:00Z").unwrap();
    let verdicts = retention_plan(&policy.unwrap(), &berlin(), now, &year);
    let page: Vec<_> = verdicts
        .iter()
        .zip(&year)
        .filter(|(verdict, _)| !verdict.expires())
        .map(|(verdict, candidate)| {
            let words: Vec<_> = verdict.keep.iter().map(short).collect();
            format!("{} {}", candidate.at.to_seconds_string(), words.join(", "))
        })
        .collect();
    let expected = [
        "2026-12-30T23:30:00Z within, last, daily 2026-12-31, weekly 2026-W53, monthly 2026-12, yearly 2026, last_good",
        "2026-12-29T23:30:00Z within, last, daily 2026-12-30",
        "2026-12-28T23:30:00Z within, daily 2026-12-29",
        "2026-12-27T23:30:00Z daily 2026-12-28",
        "2026-12-26T23:30:00Z newer",
        "2026-12-25T23:30:00Z daily 2026-12-26, weekly 2026-W52",
        "2026-12-24T23:30:00Z daily 2026-12-25",
        "2026-12-19T23:30:00Z weekly 2026-W51",
        "2026-12-12T23:30:00Z weekly 2026-W50",
        "2026-11-29T23:30:00Z monthly 2026-11",
        "2026-10-30T23:30:00Z monthly 2026-10",
        "2026-09-29T22:30:00Z monthly 2026-09",
        "2026-08-30T22:30:00Z monthly 2026-08",
        "2026-08-29T22:30:00Z needed_by",
        "2026-08-28T22:30:00Z needed_by",
        "2026-07-30T22:30:00Z monthly 2026-07",
        "2026-06-29T22:30:00Z monthly 2026-06",
        "2026-05-30T22:30:00Z monthly 2026-05",
        "2026-05-04T22:30:00Z pinned",
        "2026-04-29T22:30:00Z monthly 2026-04",
        "2026-03-30T22:30:00Z monthly 2026-03",
        "2026-02-27T23:30:00Z newer",
        "2026-02-26T23:30:00Z monthly 2026-02",
        "2026-01-30T23:30:00Z monthly 2026-01",
    ];
    assert_eq!(page, expected);
}

#[test]
fn damaged_backups_stay_while_nothing_better_of_their_age_does() {
    // Newest first; the expected answer by index.
    for (good, policy, gone) in [
        (&[true, true, true, true][..], "2", &[2, 3][..]),
        (&[false, true, false, true, true], "2", &[4]),
        (&[false, false, true], "1", &[]),
        (&[false, false, true, false], "1", &[3]),
        // With fewer good ones than asked for, the damaged ones are all there is.
        (&[true, false, false], "2", &[]),
        (&[false, false], "1", &[]),
        (&[false, false], r#"{"daily": 1}"#, &[]),
        (&[true, false], r#"{"daily": 1}"#, &[1]),
        (&[true], "7", &[]),
        (&[], "1", &[]),
    ] {
        let candidate = |(number, good): (usize, &bool)| Candidate {
            id: id(number),
            at: Timestamp::from_micros(NOW.as_micros() - number as i64 * DAY),
            good: *good,
            pinned: false,
            needed_by: Vec::new(),
        };
        let candidates: Vec<_> = good.iter().enumerate().map(candidate).collect();
        let verdicts = retention_plan(&policy.parse().unwrap(), &Zone::UTC, NOW, &candidates);
        let expired: Vec<_> = (0..good.len()).filter(|at| verdicts[*at].expires()).collect();
        assert_eq!(expired, gone, "{good:?} {policy}");
    }
}
