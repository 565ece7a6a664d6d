//! Logs without a hole: which follow on which, and which continue a base.

use std::collections::HashMap;
use std::time::Duration;

use super::clock::{self, Times};
use super::{BasePoint, History, LogPlace, LogSpan};
use crate::gtid::GtidState;
use crate::{BackupId, Timestamp};

/// How much the clocks of a database and of a host may differ where the place in the log has decided already.
const SKEW: Duration = Duration::from_secs(10);
/// How many later runs are looked at for one that goes on where a run ends.
const LOOK: usize = 16;

/// Logs of one timeline without a hole.
pub(super) struct Run<'h> {
    pub spans: Vec<&'h LogSpan>,
    /// What each has got to. A log itself no longer names domains that the server was told to forget.
    pub ends: Vec<GtidState>,
    /// What they say of the time.
    pub times: Times,
    /// The restores before it.
    epoch: usize,
    /// The run that goes on where this one ends, and its first log that holds something new.
    pub next: Option<(usize, usize)>,
    /// What everything that was committed until then leads to, with all runs that follow.
    pub reach: Timestamp,
    /// Runs that lead to each other tell one history.
    pub story: usize,
}

/// What is known of a timeline, whatever is left of it and whatever state that is in.
struct Timeline {
    /// When its first backup was begun.
    begun: Timestamp,
    /// When the last one was.
    ended: Timestamp,
    /// The place of the first one in the order of archiving.
    first: u64,
    /// Whether it began with logs that the server had begun anew; `None` when that is gone.
    anew: Option<bool>,
}

/// How a base lies to a timeline of the logs of its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    /// It was made between two archivings, of which the later went on where the earlier ended.
    Within,
    /// It was made before the first one, which found no sign that the logs had been begun anew.
    Before,
    /// What the log says has to tell.
    Unknown,
    /// It may be of another history.
    Broken,
}

/// All runs, in the order in which they were archived.
pub(super) struct Runs<'h> {
    history: &'h History,
    timelines: HashMap<&'h str, Timeline>,
    /// When archivings found that the logs had been begun anew, the earliest first.
    anew: Vec<Timestamp>,
    pub runs: Vec<Run<'h>>,
}

/// One of the histories of a service in which the same GTIDs may stand for other transactions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Story {
    /// That of these runs.
    Told(usize),
    /// No log tells it: after so many restores, at this place in the server's log.
    Untold(usize, Option<LogPlace>),
}

/// Where logs go on from a base: the run, and its first log that holds something that the base does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Onward {
    pub run: usize,
    pub span: usize,
    /// The base was taken from another server than the logs.
    foreign: bool,
}

impl<'h> Run<'h> {
    fn begin(span: &'h LogSpan, epoch: usize, story: usize) -> Self {
        Self {
            spans: vec![span],
            ends: vec![span.end.clone()],
            epoch,
            next: None,
            times: Times::default(),
            reach: span.complete_until,
            story,
        }
    }

    fn push(&mut self, span: &'h LogSpan) {
        let mut end = self.end().clone();
        end.advance(&span.end);
        self.ends.push(end);
        self.spans.push(span);
    }

    /// Finds out until when each is complete, given the earliest that what follows says of itself.
    fn settle(&mut self, later: Option<Timestamp>) {
        self.times = clock::times(&self.spans, later);
        self.reach = self.complete_until();
    }

    pub fn first(&self) -> &'h LogSpan {
        self.spans[0]
    }

    pub fn last(&self) -> &'h LogSpan {
        self.spans[self.spans.len() - 1]
    }

    /// What it has got to.
    pub fn end(&self) -> &GtidState {
        &self.ends[self.ends.len() - 1]
    }

    /// Whether nothing is missing between a state and its first transaction.
    fn goes_on_from(&self, state: &GtidState) -> bool {
        let first = self.first();
        state.covers(&first.start)
            && first.firsts.iter().all(|(domain, _, sequence)| {
                first.start.last_of(domain).is_some()
                    || state.last_of(domain).unwrap_or(0) >= sequence.saturating_sub(1)
            })
    }

    /// In which log, if in any, all of a state has come about; not if in its place another transaction has.
    fn place_of(&self, state: &GtidState) -> Option<usize> {
        let place = self.ends.partition_point(|end| !end.covers(state));
        let end = self.ends.get(place)?;
        let first = self.first();
        let there = |(domain, server, sequence): (u32, u32, u64)| {
            // Also when its log begins right after that one and does not know of it.
            end.of(domain, server).is_some_and(|here| here >= sequence)
                || first.start.last_of(domain).is_none()
                    && first.firsts.iter().any(|(of, _, begins)| of == domain && begins == sequence + 1)
        };
        state.lasts().all(there).then_some(place)
    }

    /// Until when everything that was committed is in it.
    pub fn complete_until(&self) -> Timestamp {
        self.times.complete[self.times.complete.len() - 1]
    }
}

impl<'h> Runs<'h> {
    pub fn of(history: &'h History) -> Self {
        let mut logs: Vec<&LogSpan> = history.logs.iter().filter(|log| log.good || log.incident.is_some()).collect();
        logs.sort_by_key(|log| log.sequence);
        let mut runs: Vec<Run<'h>> = Vec::new();
        let mut newest: HashMap<&str, usize> = HashMap::new();
        for log in logs {
            if log.incident.is_some() {
                // No replay leads through it.
                newest.remove(log.timeline.as_str());
                continue;
            }
            let epoch = history.restores_before(log.taken);
            if let Some(run) = newest.get(log.timeline.as_str()).map(|at| &mut runs[*at]) {
                // After a restore it is another history, whatever the log says.
                if run.epoch == epoch && run.end().includes(&log.start) {
                    run.push(log);
                    continue;
                }
            }
            newest.insert(&log.timeline, runs.len());
            runs.push(Run::begin(log, epoch, runs.len()));
        }
        let mut anew: Vec<Timestamp> = history.logs.iter().filter(|log| begun_anew(log)).map(|log| log.taken).collect();
        anew.sort_unstable();
        let mut this = Self { history, timelines: timelines(history), anew, runs };
        this.connect();
        this
    }

    fn connect(&mut self) {
        // From the end, so that what follows is known already.
        for at in (0..self.runs.len()).rev() {
            self.runs[at].settle(None);
            let later = at + 1..self.runs.len().min(at + 1 + LOOK);
            let next = later.into_iter().find_map(|next| Some((next, self.follows(at, next)?)));
            if let Some((next, _)) = next {
                let later = self.runs[next].times.least;
                self.runs[at].settle(later);
            }
            if let Some((next, _)) = next {
                let (reach, story) = (self.runs[next].reach, self.runs[next].story);
                self.runs[at].reach = self.runs[at].reach.max(reach);
                self.runs[at].story = story;
            }
            self.runs[at].next = next;
        }
    }

    fn follows(&self, at: usize, next: usize) -> Option<usize> {
        let (run, next) = (&self.runs[at], &self.runs[next]);
        let (timeline, other) = (&run.first().timeline, &next.first().timeline);
        let beginning = self.timelines.get(other.as_str()).and_then(|timeline| timeline.anew);
        let unknown = timeline != other && beginning.is_none();
        follows(run, next, unknown || self.anew_between(run.last().taken, next.first().taken))
    }

    /// Whether an archiving found that the logs had been begun anew, after one instant and not after another.
    fn anew_between(&self, after: Timestamp, to: Timestamp) -> bool {
        let first = self.anew.partition_point(|taken| *taken <= after);
        self.anew.get(first).is_some_and(|taken| *taken <= to)
    }

    /// Where logs go on from a base. More than one run may: a server that took over has logs of its own of the same
    /// transactions.
    pub fn onward(&self, base: &BasePoint) -> Vec<Onward> {
        let Some(gtid) = &base.gtid else { return Vec::new() };
        let epoch = self.history.restores_before(base.taken);
        let runs = self.runs.iter().enumerate().filter(|(_, run)| run.epoch == epoch);
        runs.filter_map(|(at, run)| {
            let foreign = !same_server(base.server_uid.as_deref(), run.first());
            let relation = if foreign { Relation::Unknown } else { self.relation(base, at) };
            if !continues(base, gtid, run, relation, foreign) {
                return None;
            }
            // Past the end when all of it is in the base: what follows the run may not be.
            let span = run.ends.partition_point(|end| gtid.covers(end));
            Some(Onward { run: at, span, foreign })
        })
        .collect()
    }

    /// How a base of the same server lies to a timeline of its logs.
    fn relation(&self, base: &BasePoint, run: usize) -> Relation {
        let (first, epoch) = (self.runs[run].first(), self.runs[run].epoch);
        let Some(timeline) = self.timelines.get(first.timeline.as_str()) else { return Relation::Broken };
        if base.taken >= timeline.begun {
            return if base.taken <= timeline.ended { Relation::Within } else { Relation::Unknown };
        }
        let Some(anew) = timeline.anew else {
            // The beginning is gone, as no backup needed it: none that was made before it goes on there.
            return Relation::Broken;
        };
        if !anew {
            let known = timeline.first == first.sequence && !self.anew_between(base.taken, first.taken);
            return if known { Relation::Before } else { Relation::Unknown };
        }
        let earlier = &self.runs[..run];
        let before = earlier.iter().rev().find(|it| it.first().server_uid == first.server_uid);
        if before.is_some_and(|before| base.at.second() < before.complete_until().second()) {
            return Relation::Broken;
        }
        // At the very beginning, nothing in the log tells whether it had begun when the base was taken; but when the server
        // began the file does, and the restore that began it anew.
        let restored = epoch > 0 && earlier.iter().all(|it| it.epoch != epoch);
        let exactly = base.gtid.as_ref().is_some_and(|gtid| first.start.covers(gtid));
        if exactly && first.created.is_none() && !restored { Relation::Broken } else { Relation::Unknown }
    }

    /// The runs from there on, each with its first log that holds something new.
    pub fn path(&self, from: Onward) -> impl Iterator<Item = (usize, usize)> + '_ {
        std::iter::successors(Some((from.run, from.span)), |(run, _)| self.runs[*run].next)
    }

    /// To which instant logs lead from there.
    pub fn reach(&self, from: Onward) -> Timestamp {
        self.runs[from.run].reach
    }

    /// Of the ways from a base those that lead to a second, the one on its own server first.
    pub fn leading_to(&self, onward: &[Onward], second: Timestamp) -> Option<Onward> {
        let mut ways: Vec<Onward> = onward.iter().copied().filter(|way| self.reach(*way) >= second).collect();
        ways.sort_by_key(|way| (way.foreign, way.run));
        ways.first().copied()
    }

    /// Of each log, the newest base that is continued by it.
    pub fn users(&self) -> HashMap<&'h BackupId, &'h BackupId> {
        let mut bases: Vec<&BasePoint> = self.history.bases.iter().filter(|base| base.good).collect();
        bases.sort_by(|one, other| (other.at, &other.backup).cmp(&(one.at, &one.backup)));
        let mut users = HashMap::new();
        // Of each run, from which log on somebody uses it already.
        let mut used: Vec<usize> = self.runs.iter().map(|run| run.spans.len()).collect();
        for base in bases {
            for way in self.onward(base) {
                for (run, from) in self.path(way) {
                    // Those too that prove that nothing happened after it.
                    let second = base.at.second();
                    let proof = self.runs[run].times.complete.partition_point(|complete| complete.second() <= second);
                    // And the beginning of a timeline, before which it was made.
                    let early = base.taken < self.runs[run].first().taken;
                    let from = if early { 0 } else { from.min(proof) };
                    let spans = &self.runs[run].spans;
                    for span in &spans[from.min(used[run])..used[run]] {
                        users.insert(&span.backup, &base.backup);
                    }
                    used[run] = used[run].min(from);
                }
            }
        }
        users
    }

    /// How many logs lead from there to an instant.
    pub fn count_until(&self, way: Onward, instant: Timestamp) -> usize {
        let mut count = 0;
        for (run, from) in self.path(way) {
            let run = &self.runs[run];
            let enough = run.times.complete.partition_point(|complete| *complete < instant);
            count += (enough + 1).min(run.spans.len()).saturating_sub(from);
            if enough < run.spans.len() {
                break;
            }
        }
        count
    }

    /// The last of all logs that continue a base.
    pub fn end_of(&self, base: &BasePoint) -> Option<&'h LogSpan> {
        let farthest = self.onward(base).into_iter().max_by_key(|way| self.reach(*way))?;
        self.path(farthest).last().map(|(run, _)| self.runs[run].last())
    }

    /// Which history a base belongs to: that of the logs that continue it, or of those that it comes after.
    pub fn story(&self, base: &BasePoint, onward: &[Onward]) -> Story {
        if let Some(way) = onward.first() {
            return Story::Told(self.runs[way.run].story);
        }
        let epoch = self.history.restores_before(base.taken);
        let gtid = base.gtid.clone().unwrap_or_default();
        let before = self.runs.iter().rev().find(|run| {
            run.epoch == epoch
                && run.first().taken <= base.taken
                && same_server(base.server_uid.as_deref(), run.first())
                && gtid.covers(run.end())
                && run.complete_until().second() <= base.at
        });
        before.map_or_else(|| Story::Untold(epoch, base.place.clone()), |run| Story::Told(run.story))
    }
}

impl History {
    /// Of each log that continues a base, or that leads on from there: the newest such base.
    pub(crate) fn log_users(&self) -> HashMap<&BackupId, &BackupId> {
        Runs::of(self).users()
    }

    /// How often the service had been restored when something began.
    pub(super) fn restores_before(&self, taken: Timestamp) -> usize {
        self.restores.partition_point(|restore| *restore <= taken)
    }
}

fn same_server(uid: Option<&str>, span: &LogSpan) -> bool {
    uid == span.server_uid.as_deref()
}

fn timelines(history: &History) -> HashMap<&str, Timeline> {
    let mut timelines: HashMap<&str, Timeline> = HashMap::new();
    for log in &history.logs {
        let gone = history.roots.get(&log.timeline).copied();
        let timeline = timelines.entry(&log.timeline).or_insert_with(|| Timeline {
            begun: gone.unwrap_or(log.taken),
            ended: log.taken,
            first: u64::MAX,
            anew: None,
        });
        timeline.begun = timeline.begun.min(log.taken);
        timeline.ended = timeline.ended.max(log.taken);
        if log.sequence < timeline.first && gone.is_none() {
            timeline.first = log.sequence;
            timeline.anew = Some(begun_anew(log));
        }
    }
    timelines
}

/// Whether a run begins with logs that are not those before continued: the server began them anew, after a reset, a restore or a loss, or it
/// lost transactions before them.
fn begun_anew(first: &LogSpan) -> bool {
    matches!(first.cause.as_deref(), Some("reset" | "lost" | "incident"))
}

/// Whether a run goes on where another one ends; if so, its first log that holds something new.
fn follows(run: &Run<'_>, next: &Run<'_>, anew: bool) -> Option<usize> {
    let (last, first) = (run.last(), next.first());
    let end = run.end();
    if run.epoch != next.epoch || first.taken < run.first().taken || end.is_empty() || !next.goes_on_from(end) {
        return None;
    }
    // Statements are stamped with when they began.
    let later = first.first.is_none_or(|first| first.plus(SKEW) >= last.last.unwrap_or(first));
    // Begun anew at the very number where the other one ended, they hold what came instead.
    if last.end == first.start && later && !anew {
        return Some(0);
    }
    // A replica that took over has the same transactions in a log of its own. That it is one shows in its having the last
    // ones too, each from the server that wrote it, in this order of time, and in its own number being another one: servers
    // that have nothing to do with each other tend to have the same.
    let numbers = last.server_id.zip(first.server_id);
    if last.server_uid == first.server_uid || numbers.is_none_or(|(one, other)| one == other) {
        return None;
    }
    let met = next.place_of(end)?;
    let in_time = next.spans[met].first.is_none_or(|first| first <= run.complete_until().plus(SKEW));
    in_time.then(|| next.ends.partition_point(|here| end.covers(here)))
}

/// Whether a run holds all that was committed after a base, as far as the run goes.
fn continues(base: &BasePoint, gtid: &GtidState, run: &Run<'_>, relation: Relation, foreign: bool) -> bool {
    let (first, last) = (run.first(), run.last());
    // What the run lacks at its beginning must be in the base, and what is in the base the run must have got to.
    if !run.goes_on_from(gtid) {
        return false;
    }
    let Some(place) = run.place_of(gtid) else { return false };
    if foreign {
        let numbers = base.server_id.zip(first.server_id);
        if gtid.is_empty() || numbers.is_none_or(|(one, other)| one == other) {
            return false;
        }
    }
    let exactly = first.start.covers(gtid);
    let skew = match (&base.place, &first.from, &last.to) {
        _ if foreign => Duration::ZERO,
        _ if relation == Relation::Broken => return false,
        _ if relation == Relation::Within => SKEW,
        // Where the logs begin nothing of it is in them yet: it may lie in a file before.
        _ if relation == Relation::Before && exactly => Duration::ZERO,
        _ if first.created.is_some_and(|begun| begun > base.at) => return false,
        // By the server's own log, which knows what a reset and a restore have begun anew.
        (Some(at), Some(from), Some(to)) if at.name == from.name && at.name == to.name => {
            if !(from <= at && at <= to && holds(run, at, gtid)) {
                return false;
            }
            SKEW
        }
        _ => Duration::ZERO,
    };
    // Nothing of the base may have been committed after it.
    let before = place.checked_sub(1).map(|before| run.times.claimed[before].second());
    let early = before.is_none_or(|before| before <= base.at.plus(skew));
    let begun =
        run.spans[place].start.covers(gtid) || run.spans[place].first.is_none_or(|first| first <= base.at.plus(skew));
    // And the run must have gone on as long as the base was there, unless it ends with the very same transaction.
    let late = gtid.covers(run.end()) || base.at.second() <= run.complete_until().plus(skew);
    early && begun && late
}

/// Whether the logs around a place hold what leads to it.
fn holds(run: &Run<'_>, at: &LogPlace, gtid: &GtidState) -> bool {
    let place = run.spans.partition_point(|span| span.to.as_ref().is_some_and(|to| to < at));
    let (before, after) = (place.saturating_sub(1), (place + 1).min(run.spans.len() - 1));
    gtid.covers(&run.spans[before].start) && run.ends[after].covers(gtid)
}

impl PartialOrd for LogPlace {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        (self.name == other.name).then(|| (self.number, self.offset).cmp(&(other.number, other.offset)))
    }
}
