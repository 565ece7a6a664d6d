//! What to restore for a moment.

use super::runs::{Onward, Run, Runs, Story};
use super::window::nearest;
use super::{BasePoint, History, LogSpan, RecoveryPlan, Until};
use crate::gtid::GtidState;
use crate::{BackupId, Failure, Result, Timestamp};

impl History {
    /// How to get there, with the newest base that does or with the one named.
    ///
    /// A whole second is meant: all that was stamped before it, nothing that was stamped in it or later. A base whose own
    /// instant lies in the second asked for is taken when that is its very instant, or when nothing else leads there.
    ///
    /// # Errors
    /// `invalid` with the window when nothing leads there; `conflict` when more than one history does; `not-found` for a
    /// base that is not there.
    pub fn plan(&self, until: &Until, base: Option<&BackupId>) -> Result<RecoveryPlan> {
        if let Some(named) = base {
            let Some(found) = self.bases.iter().find(|base| base.backup == *named) else {
                return Err(Failure::not_found(format!("backup {named} is none that logs could continue")));
            };
            if !found.good {
                return Err(Failure::conflict(format!(
                    "backup {named} cannot be used: something that it consists of is missing or was found damaged"
                )));
            }
        }
        let mut bases: Vec<&BasePoint> =
            self.bases.iter().filter(|it| it.good && base.is_none_or(|named| it.backup == *named)).collect();
        bases.sort_by(|one, other| (other.at, other.taken, &other.backup).cmp(&(one.at, one.taken, &one.backup)));
        let runs = Runs::of(self);
        match until {
            Until::Time(instant) => self.to_time(*instant, &bases, &runs, base),
            Until::Transaction(target) => self.to_transaction(target, &bases, &runs, base),
        }
    }

    fn to_time(
        &self,
        instant: Timestamp,
        bases: &[&BasePoint],
        runs: &Runs<'_>,
        named: Option<&BackupId>,
    ) -> Result<RecoveryPlan> {
        let second = instant.second();
        if let Some(base) = bases.iter().find(|base| base.at == instant && instant != second) {
            return Ok(alone(base, "its very instant"));
        }
        for base in bases.iter().filter(|base| base.at.second() < second) {
            let Some(way) = runs.leading_to(&runs.onward(base), second) else { continue };
            let logs = logs_until(runs, way, second);
            let until = (!logs.is_empty()).then_some(Until::Time(instant));
            return Ok(continued(base, &logs, until, second));
        }
        if let Some(base) = bases.iter().find(|base| base.at.second() == second) {
            return Ok(alone(base, "within the second asked for"));
        }
        Err(self.outside(instant, named, bases, runs))
    }

    fn to_transaction(
        &self,
        target: &GtidState,
        bases: &[&BasePoint],
        runs: &Runs<'_>,
        named: Option<&BackupId>,
    ) -> Result<RecoveryPlan> {
        if target.is_empty() {
            return Err(Failure::invalid("no transaction is named").with_hint("e.g. `0-1-15`"));
        }
        let mut found: Vec<(RecoveryPlan, Story)> = Vec::new();
        for base in bases {
            let Some(gtid) = &base.gtid else { continue };
            let onward = runs.onward(base);
            if target.iter().all(|(domain, server, last)| {
                gtid.last_of(domain) == Some(last) && gtid.iter().any(|it| it == (domain, server, last))
            }) {
                found.push((alone(base, "after the transactions asked for"), runs.story(base, &onward)));
                continue;
            }
            let before = target.iter().all(|(domain, server, last)| {
                gtid.last_of(domain).is_none_or(|here| here < last)
                    || gtid.iter().any(|it| it == (domain, server, last))
            });
            if !before {
                continue;
            }
            for way in onward {
                let Some(logs) = logs_to(runs, way, target) else { continue };
                let at =
                    logs.last().map_or(base.at, |log| log.last.unwrap_or(log.complete_until).min(log.complete_until));
                let until = Some(Until::Transaction(target.clone()));
                found.push((continued(base, &logs, until, at), Story::Told(runs.runs[way.run].story)));
            }
        }
        let mut found = found.into_iter();
        let Some((plan, story)) = found.next() else { return Err(self.without(target, named, runs)) };
        // Logs from two servers of one history count as one.
        let Some((other, _)) = found.find(|(_, other)| *other != story) else { return Ok(plan) };
        let last = |plan: &RecoveryPlan| plan.chain.last().map(BackupId::to_string).unwrap_or_default();
        Err(Failure::conflict(format!(
            "`{target}` happened in more than one history of the service: after backup {} and after backup {}",
            last(&plan),
            last(&other)
        ))
        .with_hint("give a point in time instead, or name the backup to begin with"))
    }

    fn outside(&self, instant: Timestamp, named: Option<&BackupId>, bases: &[&BasePoint], runs: &Runs<'_>) -> Failure {
        let failure = match (named, bases.first()) {
            (Some(_), Some(base)) => {
                let reach = runs.onward(base).into_iter().map(|way| runs.reach(way)).max();
                let to = reach.filter(|reach| *reach > base.at);
                let span = match to {
                    Some(to) => format!("leads to moments from {} to {to}", base.at),
                    None => format!("leads to {} only: no archived log continues it", base.at),
                };
                Failure::invalid(format!("{instant} cannot be restored with backup {}, which {span}", base.backup))
            }
            _ => Failure::invalid(format!("{instant} cannot be restored: {}", nearest(&self.window(instant), instant))),
        };
        failure.with_hint(HINT)
    }

    fn without(&self, target: &GtidState, named: Option<&BackupId>, runs: &Runs<'_>) -> Failure {
        let end = runs.runs.last().map(Run::end).filter(|end| !end.is_empty());
        let known =
            end.map_or_else(|| "no log is archived".to_owned(), |end| format!("the newest archived log ends at {end}"));
        let with = named.map_or_else(|| "any backup".to_owned(), |named| format!("backup {named}"));
        Failure::invalid(format!("no archived log leads from {with} to `{target}`: {known}")).with_hint(HINT)
    }
}

const HINT: &str = "`bulkhead service recovery-window` shows all moments that can be restored";

/// What has to be replayed for a second: up to the log that is known to hold all that came before it.
fn logs_until<'h>(runs: &Runs<'h>, way: Onward, second: Timestamp) -> Vec<&'h LogSpan> {
    let mut logs = Vec::new();
    for (run, from) in runs.path(way) {
        let run = &runs.runs[run];
        let enough = run.times.complete.partition_point(|complete| *complete < second);
        let to = (enough + 1).min(run.spans.len());
        logs.extend(run.spans.iter().take(to).skip(from).copied());
        if enough < run.spans.len() {
            break;
        }
    }
    logs
}

/// What has to be replayed for a transaction: up to the log that holds it.
fn logs_to<'h>(runs: &Runs<'h>, way: Onward, target: &GtidState) -> Option<Vec<&'h LogSpan>> {
    let mut logs = Vec::new();
    for (run, from) in runs.path(way) {
        let run = &runs.runs[run];
        let holds = run.ends.partition_point(|end| !end.includes(target));
        let to = (holds + 1).min(run.spans.len());
        logs.extend(run.spans.iter().take(to).skip(from).copied());
        if holds < run.spans.len() {
            return Some(logs);
        }
    }
    None
}

fn alone(base: &BasePoint, how: &str) -> RecoveryPlan {
    RecoveryPlan {
        chain: base.chain.clone(),
        logs: Vec::new(),
        until: None,
        at: base.at,
        why: format!("backup {} ({}) holds the state of {}, {how}", base.backup, base.method, base.at),
    }
}

fn continued(base: &BasePoint, logs: &[&LogSpan], until: Option<Until>, at: Timestamp) -> RecoveryPlan {
    let begins = format!("backup {} ({}) holds the state of {}", base.backup, base.method, base.at);
    let why = match (logs.len(), &until) {
        (0, _) => format!("{begins}, and the archived logs show that nothing was committed between then and {at}"),
        (1, Some(Until::Transaction(target))) => {
            format!("{begins}, and one archived log leads from there to `{target}`")
        }
        (count, Some(Until::Transaction(target))) => {
            format!("{begins}, and {count} archived logs lead from there to `{target}`")
        }
        (1, _) => format!("{begins}, and one archived log leads from there to {at}"),
        (count, _) => format!("{begins}, and {count} archived logs lead from there to {at}"),
    };
    let logs = logs.iter().map(|log| log.backup.clone()).collect();
    RecoveryPlan { chain: base.chain.clone(), logs, until, at, why }
}
