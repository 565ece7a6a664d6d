//! What only the age of backups lets go, when the clock that says how old they are may be wrong.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::{Candidate, Reason, Verdict};
use crate::{BackupId, Timestamp};

/// For how long a clock has to have shown about the present time before backups go by their age.
pub const SETTLED: Duration = Duration::from_hours(24);
/// How old what shows that may be.
const SHOWN: Duration = Duration::from_hours(24 * 8);
/// How many backups always may go by their age in one run.
const FEW: usize = 5;
/// The part of all that may: one in so many.
const PART: usize = 4;

/// Whether the instants at which backups were asked for show that the clock has been about here for a day. A clock that has just jumped
/// ahead has nothing behind it.
pub fn is_shown(now: Timestamp, instants: impl IntoIterator<Item = Timestamp>) -> bool {
    instants.into_iter().any(|at| now.minus(SHOWN) <= at && at <= now.minus(SETTLED))
}

/// Keeps everything, whatever age says. Returns how many would have gone.
pub fn hold_all(verdicts: &mut [Verdict]) -> usize {
    let mut held = 0;
    for verdict in verdicts.iter_mut().filter(|verdict| verdict.expires()) {
        keep(verdict, Reason::ClockUnsettled);
        held += 1;
    }
    held
}

/// Keeps the newest of those that go, when too many go at a time. Verdicts are in the order of the candidates, newest first. Returns how
/// many are kept for a later run.
pub fn hold_most(verdicts: &mut [Verdict], candidates: &[Candidate]) -> usize {
    let most = FEW.max(candidates.len() / PART);
    let doomed: Vec<BackupId> = verdicts.iter().rev().filter(|it| it.expires()).map(|it| it.id.clone()).collect();
    if doomed.len() <= most {
        return 0;
    }
    // What is restored on top of one that goes can only go before it.
    let users: HashMap<&BackupId, &[BackupId]> =
        candidates.iter().map(|candidate| (&candidate.id, candidate.needed_by.as_slice())).collect();
    let mut going: HashSet<&BackupId> = HashSet::new();
    let mut next: Vec<&BackupId> = doomed.iter().take(most).collect();
    while let Some(backup) = next.pop() {
        if going.insert(backup) {
            next.extend(users.get(backup).copied().unwrap_or_default());
        }
    }
    let mut held = 0;
    for verdict in verdicts.iter_mut().filter(|verdict| verdict.expires() && !going.contains(&verdict.id)) {
        keep(verdict, Reason::TooMany);
        held += 1;
    }
    held
}

fn keep(verdict: &mut Verdict, reason: Reason) {
    verdict.keep.push(reason);
    verdict.removal = None;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::retention::plan;
    use crate::{RetentionPolicy, Zone};

    const DAY: Duration = Duration::from_hours(24);

    fn now() -> Timestamp {
        Timestamp::from_micros(1_711_454_400_000_000)
    }

    /// One a day, the newest first, each needed by the newer one if they are a chain.
    fn daily(count: u32, chain: bool) -> Vec<Candidate> {
        let id = |number: u32| -> BackupId { format!("{number:032x}:db1:server").parse().unwrap() };
        let candidate = |number: u32| Candidate {
            id: id(number),
            at: now().minus(DAY * number),
            good: true,
            pinned: false,
            needed_by: if chain && number > 0 { vec![id(number - 1)] } else { Vec::new() },
        };
        (0..count).map(candidate).collect()
    }

    fn within(days: u32) -> RetentionPolicy {
        RetentionPolicy { keep_within: Some(DAY * days), keep_last: None, ..RetentionPolicy::last(1) }
    }

    #[test]
    fn a_clock_that_has_just_jumped_is_not_shown() {
        let at = |candidates: &[Candidate]| candidates.iter().map(|it| it.at).collect::<Vec<_>>();
        let daily = at(&daily(30, false));
        assert!(is_shown(now(), daily.clone()));
        assert!(!is_shown(now().plus(DAY * 60), daily.clone()));
        // One that was made since then does not show it either, until it is a day old.
        let made = || daily.clone().into_iter().chain([now().plus(DAY * 60)]);
        assert!(!is_shown(now().plus(DAY * 60 + DAY / 2), made()));
        assert!(is_shown(now().plus(DAY * 61), made()));
        assert!(!is_shown(now(), []));
    }

    #[test]
    fn one_run_lets_a_part_go_the_oldest_first_and_later_runs_the_rest() {
        let mut candidates = daily(40, false);
        let mut sizes = Vec::new();
        loop {
            let mut verdicts = plan(&within(10), &Zone::UTC, now(), &candidates);
            let held = hold_most(&mut verdicts, &candidates);
            let gone: Vec<&Verdict> = verdicts.iter().filter(|it| it.expires()).collect();
            // From the oldest on.
            let left = candidates.len() - gone.len();
            assert!(verdicts[left..].iter().all(Verdict::expires), "{verdicts:?}");
            sizes.push(gone.len());
            candidates.truncate(left);
            if held == 0 {
                break;
            }
        }
        assert_eq!(sizes, [10, 7, 5, 5, 3]);
    }

    #[test]
    fn what_is_restored_on_top_of_one_that_goes_goes_with_it() {
        let candidates = daily(40, true);
        let mut verdicts = plan(&RetentionPolicy::last(1), &Zone::UTC, now(), &candidates);
        assert_eq!(hold_most(&mut verdicts, &candidates), 0, "a chain that is kept goes in no part");
        // All of it may go, as a newer one stands alone.
        let mut candidates = daily(40, true);
        candidates[1].needed_by.clear();
        let mut verdicts = plan(&RetentionPolicy::last(1), &Zone::UTC, now(), &candidates);
        assert_eq!(hold_most(&mut verdicts, &candidates), 0);
        assert_eq!(verdicts.iter().filter(|it| it.expires()).count(), 39);
    }

    #[test]
    fn what_is_held_says_why() {
        let candidates = daily(40, false);
        let mut verdicts = plan(&within(10), &Zone::UTC, now(), &candidates);
        assert_eq!(hold_all(&mut verdicts), 30);
        assert!(verdicts.iter().all(|it| !it.expires() && it.removal.is_none()));
        assert_eq!(verdicts[39].keep, [Reason::ClockUnsettled]);
    }
}
