//! Which moments can be restored, and why others cannot.

use super::runs::Runs;
use super::{BasePoint, Doubt, Gap, History, Interval, LogSpan, RecoveryWindow, clock};
use crate::Timestamp;

impl History {
    /// Where the service can be restored to, as of `now`. Of each instant, the newest base that leads to it is named.
    pub fn window(&self, now: Timestamp) -> RecoveryWindow {
        let runs = Runs::of(self);
        let mut bases: Vec<Reach<'_>> =
            self.bases.iter().filter(|base| base.good).map(|base| Reach::of(base, &runs)).collect();
        bases.sort_by(|one, other| {
            (other.base.at, other.base.taken, &other.base.backup).cmp(&(one.base.at, one.base.taken, &one.base.backup))
        });

        // From the newest base on, each takes what no newer one leads to. Backups that nothing continues come after: they
        // do not divide what logs lead through.
        let mut covered: Vec<(Timestamp, Timestamp)> = Vec::new();
        let mut intervals = Vec::new();
        for reach in bases.iter().filter(|reach| reach.to > reach.base.at) {
            let mut from = reach.base.at;
            // Disjoint, the earliest last; none begins before this base.
            while let Some((start, end)) = covered.last().copied().filter(|(start, _)| *start <= reach.to) {
                if from < start {
                    intervals.push(reach.interval(&runs, from, start));
                }
                from = from.max(end);
                covered.pop();
            }
            if from < reach.to {
                intervals.push(reach.interval(&runs, from, reach.to));
            }
            covered.push((reach.base.at, reach.to.max(from)));
        }
        covered.reverse();
        for reach in bases.iter().filter(|reach| reach.to <= reach.base.at) {
            let at = reach.base.at;
            let place = covered.partition_point(|(start, _)| *start <= at);
            let inside = place.checked_sub(1).is_some_and(|before| at <= covered[before].1);
            if !inside {
                intervals.push(reach.interval(&runs, at, at));
                covered.insert(place, (at, at));
            }
        }
        intervals.sort_by_key(|interval| std::cmp::Reverse((interval.to, interval.from)));
        let gaps = self.gaps(&covered, &bases, &runs, now);
        let doubts = doubts(&runs, &intervals);
        RecoveryWindow { intervals, gaps, doubts }
    }

    /// Between what is covered, in its order, and after it; newest first.
    fn gaps(
        &self,
        covered: &[(Timestamp, Timestamp)],
        bases: &[Reach<'_>],
        runs: &Runs<'_>,
        now: Timestamp,
    ) -> Vec<Gap> {
        let mut gaps = Vec::new();
        for (at, (_, end)) in covered.iter().enumerate() {
            let to = covered.get(at + 1).map(|(start, _)| *start);
            if to.is_none() && *end >= now {
                continue;
            }
            gaps.push(Gap { from: *end, to, cause: self.cause(*end, to, bases, runs) });
        }
        gaps.reverse();
        gaps
    }

    /// Why nothing leads on from an instant.
    fn cause(&self, from: Timestamp, to: Option<Timestamp>, bases: &[Reach<'_>], runs: &Runs<'_>) -> String {
        let restore = self.restores.iter().find(|at| **at > from && to.is_none_or(|to| **at <= to));
        if let Some(at) = restore {
            return format!("the service was restored at {at}: a new backup is needed before logs lead on");
        }
        let Some(reach) =
            bases.iter().filter(|reach| reach.to.max(reach.base.at) == from).min_by_key(|r| r.to <= r.base.at)
        else {
            return "nothing leads there".to_owned();
        };
        let base = reach.base;
        let mut cause = match (&base.gtid, runs.end_of(base)) {
            (None, _) => {
                format!("backup {} does not say which transactions it holds, so that no log continues it", base.backup)
            }
            (Some(_), None) => format!("no archived log continues backup {}", base.backup),
            (Some(_), Some(end)) => self.after(end, runs, to.is_none()),
        };
        let damaged = self.bases.iter().find(|it| !it.good && it.at > from && to.is_none_or(|to| it.at < to));
        if let Some(damaged) = damaged {
            cause.push_str(&format!(
                "; backup {} of {} cannot be used: something that it consists of is missing or was found damaged",
                damaged.backup, damaged.at
            ));
        }
        cause
    }

    /// Why nothing follows on the last log of a run.
    fn after(&self, end: &LogSpan, runs: &Runs<'_>, open: bool) -> String {
        let incident = self.logs.iter().find(|log| log.incident.is_some() && log.sequence > end.sequence);
        if let Some((log, after)) = incident.and_then(|log| Some((log, log.incident.as_deref()?)))
            && (log.timeline == end.timeline || log.start == end.end)
        {
            let after = if after.is_empty() { "the very beginning" } else { after };
            return format!(
                "the server noted in its log that it lost transactions after {after} (log backup {}): a new backup is needed before logs \
                 lead on",
                log.backup
            );
        }
        let damaged = self.logs.iter().filter(|log| {
            !log.good && log.sequence > end.sequence && log.timeline == end.timeline && !end.end.includes(&log.end)
        });
        if let Some(damaged) = damaged.min_by_key(|log| log.sequence) {
            return format!("log backup {} was found damaged", damaged.backup);
        }
        let next = runs.runs.iter().map(|run| run.first()).find(|log| log.sequence > end.sequence);
        match next {
            None if open => "what was committed since then has not been archived yet".to_owned(),
            None => "no log was archived after that".to_owned(),
            Some(next) if next.timeline == end.timeline => {
                format!("logs between log backups {} and {} are missing", end.backup, next.backup)
            }
            Some(next) => {
                let why = next.reason.clone().unwrap_or_else(|| {
                    match next.cause.as_deref() {
                        Some("purged") => "the server had purged logs before they were archived",
                        Some("reset") => "the server's logs were reset",
                        Some("other-server") => "another server, which does not go on where the one before ended",
                        Some("incident") => "the server noted in its log that it lost transactions",
                        Some("lost") => "the server no longer had the log that was archived last",
                        _ => "they do not go on where those before ended",
                    }
                    .to_owned()
                });
                format!("log backup {} began a new timeline: {}", next.backup, why.trim_end_matches('.'))
            }
        }
    }
}

/// A base, and to which instant it leads.
struct Reach<'h> {
    base: &'h BasePoint,
    to: Timestamp,
}

impl<'h> Reach<'h> {
    fn of(base: &'h BasePoint, runs: &Runs<'_>) -> Self {
        let reach = runs.onward(base).into_iter().map(|way| runs.reach(way)).max();
        Self { base, to: reach.unwrap_or(base.at) }
    }

    fn interval(&self, runs: &Runs<'_>, from: Timestamp, to: Timestamp) -> Interval {
        let base = self.base;
        let way = runs.leading_to(&runs.onward(base), to).filter(|_| to > base.at);
        Interval {
            from,
            to,
            base: base.backup.clone(),
            method: base.method.clone(),
            logs: way.map_or(0, |way| runs.count_until(way, to)),
            timeline: way.map(|way| runs.runs[way.run].first().timeline.clone()),
            verified_at: base.verified_at,
            verified_level: base.verified_level.clone(),
        }
    }
}

/// The instants within the intervals that may be refused, newest first.
fn doubts(runs: &Runs<'_>, intervals: &[Interval]) -> Vec<Doubt> {
    let mut doubts = Vec::new();
    for run in &runs.runs {
        for (at, span) in run.spans.iter().enumerate() {
            let before = at.checked_sub(1).map(|before| run.times.complete[before]);
            if let Some(back) = span.set_back {
                // The host's clock tells that it is right again: only what was stamped meanwhile is in doubt.
                let to = if clock::is_witnessed(span) { span.complete_until } else { back };
                let cause = format!(
                    "the server's clock went back from {back} to {} (log backup {})",
                    span.complete_until, span.backup
                );
                doubts.push(Doubt { from: before.unwrap_or(span.complete_until).min(to), to, cause });
            }
            if let Some((from, to)) = span.disorder {
                let cause = format!("transactions are not in the order of their stamps (log backup {})", span.backup);
                doubts.push(Doubt { from: before.map_or(from, |before| before.max(from)), to, cause });
            }
        }
    }
    let inside = |doubt: &Doubt| intervals.iter().any(|it| it.from <= doubt.to && doubt.from <= it.to);
    doubts.retain(|doubt| doubt.from <= doubt.to && inside(doubt));
    doubts.sort_by_key(|doubt| std::cmp::Reverse((doubt.to, doubt.from)));
    doubts
}

/// In words, where the nearest moments are that can be restored.
pub(super) fn nearest(window: &RecoveryWindow, instant: Timestamp) -> String {
    let before = window.intervals.iter().filter(|interval| interval.to < instant).max_by_key(|interval| interval.to);
    let after = window.intervals.iter().filter(|interval| interval.from > instant).min_by_key(|interval| interval.from);
    let gap = window.gaps.iter().find(|gap| gap.from < instant && gap.to.is_none_or(|to| instant < to));
    let mut text = match (before, after) {
        (None, None) => return "no backup of the service can be restored".to_owned(),
        (Some(before), None) => format!("the last moment that can be is {}", before.to),
        (None, Some(after)) => format!("the first moment that can be is {}", after.from),
        (Some(before), Some(after)) => {
            format!("the nearest moments that can be are {} and {}", before.to, after.from)
        }
    };
    if let Some(gap) = gap {
        text.push_str(&format!(" ({})", gap.cause));
    }
    text
}
