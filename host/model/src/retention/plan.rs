//! The plan: for each backup, why it is kept, or that it expires.

use std::collections::{BTreeSet, HashMap};

use jiff::civil::DateTime;

use super::{Reason, Removal, RetentionPolicy};
use crate::schedule::Zone;
use crate::{BackupId, Timestamp};

/// A succeeded backup as retention sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its id.
    pub id: BackupId,
    /// The instant it stands for, by which it is sorted and put into days, weeks, months and years.
    pub at: Timestamp,
    /// Whether the last verify found it sound, or none has looked yet.
    pub good: bool,
    /// Whether someone said to keep it.
    pub pinned: bool,
    /// Backups that cannot be restored without it. One that is not among the candidates is taken for kept.
    pub needed_by: Vec<BackupId>,
}

/// What becomes of a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The backup.
    pub id: BackupId,
    /// Why it is kept; without a reason it expires.
    pub keep: Vec<Reason>,
    /// Why it expires.
    pub removal: Option<Removal>,
}

impl Verdict {
    /// Whether nothing keeps it.
    pub fn expires(&self) -> bool {
        self.keep.is_empty()
    }
}

/// Says for each backup of one service and method why it is kept, or that it expires; in the order of `candidates`.
///
/// Only good backups count for the rules, so a damaged one never takes the place of a good one. A rule for days keeps
/// the newest good backup of each of so many days *that have one*, by the clocks in `zone`; weeks, months and years
/// alike. `keep_within` keeps damaged ones too. Whatever the rules say, these stay: the newest good one, pinned ones,
/// and what another kept one needs. Damaged ones stay as evidence while they are newer than the oldest that the rules
/// keep, and as long as there is no good one or fewer than `keep_last`.
///
/// Newest first is expected; candidates in another order get the same verdicts.
pub fn plan(policy: &RetentionPolicy, zone: &Zone, now: Timestamp, candidates: &[Candidate]) -> Vec<Verdict> {
    let mut order: Vec<usize> = (0..candidates.len()).collect();
    order.sort_by_key(|at| std::cmp::Reverse(candidates[*at].at));
    let mut keep = vec![Vec::new(); candidates.len()];

    by_rules(policy, zone, now, candidates, &order, &mut keep);
    evidence(policy, candidates, &order, &mut keep);
    for (candidate, keep) in candidates.iter().zip(&mut keep) {
        if candidate.pinned {
            keep.push(Reason::Pinned);
        }
    }
    needed(candidates, &mut keep);

    let verdicts = candidates.iter().zip(keep).map(|(candidate, keep)| {
        let why = if candidate.good { Removal::NoRule } else { Removal::Damaged };
        Verdict { id: candidate.id.clone(), removal: keep.is_empty().then_some(why), keep }
    });
    verdicts.collect()
}

/// How many buckets a rule keeps one of, the name of the bucket of a local time, and the reason.
type Buckets = (u32, fn(DateTime) -> String, fn(String) -> Reason);

fn by_rules(
    policy: &RetentionPolicy,
    zone: &Zone,
    now: Timestamp,
    candidates: &[Candidate],
    newest_first: &[usize],
    keep: &mut [Vec<Reason>],
) {
    if let Some(within) = policy.keep_within {
        for (candidate, keep) in candidates.iter().zip(&mut *keep) {
            if candidate.at.plus(within) > now {
                keep.push(Reason::Within);
            }
        }
    }
    let good: Vec<usize> = newest_first.iter().copied().filter(|at| candidates[*at].good).collect();
    let last = usize::try_from(policy.keep_last.unwrap_or(0)).unwrap_or(usize::MAX);
    for (number, at) in (1..).zip(good.iter().take(last)) {
        keep[*at].push(Reason::Last(number));
    }
    let buckets: [Buckets; 4] = [
        (policy.daily, |at| at.date().to_string(), Reason::Daily),
        (policy.weekly, week, Reason::Weekly),
        (policy.monthly, |at| format!("{:04}-{:02}", at.year(), at.month()), Reason::Monthly),
        (policy.yearly, |at| format!("{:04}", at.year()), Reason::Yearly),
    ];
    for (count, bucket, reason) in buckets {
        let mut seen = BTreeSet::new();
        for at in &good {
            if seen.len() == usize::try_from(count).unwrap_or(usize::MAX) {
                break;
            }
            let bucket = bucket(zone.local(candidates[*at].at));
            if seen.insert(bucket.clone()) {
                keep[*at].push(reason(bucket));
            }
        }
    }
    if let Some(newest) = good.first() {
        keep[*newest].push(Reason::LastGood);
    }
}

fn week(at: DateTime) -> String {
    let week = at.date().iso_week_date();
    format!("{:04}-W{:02}", week.year(), week.week())
}

/// Keeps damaged backups that the rules leave out while better ones of their age are kept, or there are none.
fn evidence(policy: &RetentionPolicy, candidates: &[Candidate], newest_first: &[usize], keep: &mut [Vec<Reason>]) {
    let good = candidates.iter().filter(|candidate| candidate.good).count();
    let all = good == 0 || policy.keep_last.is_some_and(|last| good < usize::try_from(last).unwrap_or(usize::MAX));
    let oldest = newest_first.iter().rposition(|at| !keep[*at].is_empty());
    let end = if all { newest_first.len() } else { oldest.unwrap_or(0) };
    for at in &newest_first[..end] {
        if !candidates[*at].good && keep[*at].is_empty() {
            keep[*at].push(Reason::Newer);
        }
    }
}

/// Keeps what kept backups need, and what these need in turn.
fn needed(candidates: &[Candidate], keep: &mut [Vec<Reason>]) {
    let places: HashMap<&BackupId, usize> = candidates.iter().enumerate().map(|(at, c)| (&c.id, at)).collect();
    let mut needs = vec![Vec::new(); candidates.len()];
    let mut kept: Vec<usize> = (0..candidates.len()).filter(|at| !keep[*at].is_empty()).collect();
    for (at, candidate) in candidates.iter().enumerate() {
        for user in &candidate.needed_by {
            match places.get(user) {
                Some(user) => needs[*user].push(at),
                None => {
                    if keep[at].is_empty() {
                        kept.push(at);
                    }
                    keep[at].push(Reason::NeededBy(user.clone()));
                }
            }
        }
    }
    while let Some(user) = kept.pop() {
        for at in &needs[user] {
            if keep[*at].is_empty() {
                kept.push(*at);
            }
            keep[*at].push(Reason::NeededBy(candidates[user].id.clone()));
        }
    }
}
