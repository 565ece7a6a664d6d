//! From what the catalog keeps of a service to its history.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::{BasePoint, History, LogPlace, LogSpan};
use crate::gtid::GtidState;
use crate::{BackupId, Method, Report, Timestamp};

/// A succeeded backup as the catalog keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its id.
    pub id: BackupId,
    /// Its method.
    pub method: Method,
    /// The backup it is restored on top of.
    pub parent: Option<BackupId>,
    /// What the method said of it.
    pub report: Option<Report>,
    /// Whether no verify has found it damaged.
    pub good: bool,
    /// When its attempt began.
    pub started_at: Timestamp,
    /// When it succeeded.
    pub finished_at: Timestamp,
    /// When it was last verified.
    pub verified_at: Option<Timestamp>,
    /// How deep that went.
    pub verified_level: Option<String>,
}

impl Record {
    fn position(&self, name: &str) -> Option<&str> {
        self.report.as_ref()?.position(name)
    }

    fn instant(&self, name: &str) -> Option<Timestamp> {
        Timestamp::parse_rfc3339(self.position(name)?)
    }

    fn gtid(&self, name: &str) -> Option<GtidState> {
        self.position(name)?.parse().ok()
    }

    fn place(&self, file: &str, offset: &str) -> Option<LogPlace> {
        let (name, number) = self.position(file)?.rsplit_once('.')?;
        let offset = self.position(offset)?.parse().ok()?;
        Some(LogPlace { name: name.to_owned(), number: number.parse().ok()?, offset })
    }

    fn server(&self) -> (Option<String>, Option<u32>) {
        (self.position("server.uid").map(str::to_owned), self.position("server.id").and_then(|id| id.parse().ok()))
    }

    /// The instant whose state it holds. When the method says nothing else, that it holds none from after its end is all
    /// that is known.
    fn at(&self) -> Timestamp {
        let said = self.report.as_ref().and_then(|report| report.point_in_time.as_deref());
        said.and_then(Timestamp::parse_rfc3339).unwrap_or(self.finished_at)
    }

    /// Whether it holds logs, which alone restore nothing.
    pub fn is_log(&self) -> bool {
        self.position("timeline").is_some()
    }
}

impl History {
    /// The history of a service, from its succeeded backups and the instants at which restores had replaced its data.
    pub fn from_records(records: &[Record], restores: Vec<Timestamp>) -> Self {
        let by_id: HashMap<&BackupId, &Record> = records.iter().map(|record| (&record.id, record)).collect();
        let mut history = Self { restores, ..Self::default() };
        history.restores.sort_unstable();
        // Until told otherwise, a timeline whose beginning is gone is known from the first that is left.
        let mut roots: HashMap<&str, Option<Timestamp>> = HashMap::new();
        for record in records {
            let Some(timeline) = record.position("timeline") else { continue };
            let begun = roots.entry(timeline).or_insert(Some(record.started_at));
            match begun {
                _ if record.id.as_str() == timeline => *begun = None,
                Some(earliest) => *earliest = record.started_at.min(*earliest),
                None => {}
            }
        }
        history.roots = roots.into_iter().filter_map(|(timeline, begun)| Some((timeline.to_owned(), begun?))).collect();
        // By when they were done: one that was asked for earlier may have been tried again later.
        let mut in_order: Vec<&Record> = records.iter().collect();
        in_order.sort_by_key(|record| (record.finished_at, &record.id));
        by_place(&mut in_order);
        for (sequence, record) in (0..).zip(in_order) {
            if record.is_log() {
                history.logs.extend(span(record, sequence));
            } else {
                history.bases.push(base(record, &by_id));
            }
        }
        history
    }
}

/// Puts the logs of each timeline into the order in which the server wrote them: a host whose clock was wrong says otherwise of when they
/// were archived.
fn by_place(records: &mut [&Record]) {
    let mut timelines: HashMap<&str, Vec<usize>> = HashMap::new();
    for (at, record) in records.iter().enumerate() {
        if let Some(timeline) = record.position("timeline") {
            timelines.entry(timeline).or_default().push(at);
        }
    }
    for places in timelines.into_values() {
        let mut logs: Vec<(Option<LogPlace>, Option<LogPlace>, &Record)> = places
            .iter()
            .map(|at| {
                let record = records[*at];
                let (from, to) =
                    (record.place("start.file", "start.position"), record.place("end.file", "end.position"));
                (from, to, record)
            })
            .collect();
        // Names of different logs say nothing of their order.
        let name = |place: &Option<LogPlace>| place.as_ref().map(|place| place.name.clone());
        let first = logs.first().map(|(from, _, _)| name(from));
        let comparable = |(from, to, _): &(Option<LogPlace>, Option<LogPlace>, &Record)| {
            from.is_some() && Some(name(from)) == first && name(from) == name(to)
        };
        if !logs.iter().all(comparable) {
            continue;
        }
        let key = |place: &Option<LogPlace>| place.as_ref().map(|place| (place.number, place.offset));
        logs.sort_by_key(|(from, to, _)| (key(from), key(to)));
        for (at, (_, _, record)) in places.into_iter().zip(logs) {
            records[at] = record;
        }
    }
}

fn base(record: &Record, by_id: &HashMap<&BackupId, &Record>) -> BasePoint {
    let (chain, whole, good) = chain(record, by_id);
    let (server_uid, server_id) = record.server();
    BasePoint {
        backup: record.id.clone(),
        method: record.method.clone(),
        chain,
        at: record.at(),
        taken: record.started_at,
        gtid: record.gtid("gtid"),
        place: record.place("binlog.file", "binlog.position"),
        server_uid,
        server_id,
        whole,
        good,
        verified_at: record.verified_at,
        verified_level: record.verified_level.clone(),
    }
}

/// From the backup that restores alone to this one, whether all of that is there, and whether it also is undamaged.
fn chain(record: &Record, by_id: &HashMap<&BackupId, &Record>) -> (Vec<BackupId>, bool, bool) {
    let mut chain = vec![record.id.clone()];
    let (mut whole, mut good) = (true, record.good);
    let mut seen = HashSet::from([&record.id]);
    let mut link = record;
    loop {
        // The catalog and the method both say what it is on top of; one that says nothing else restores alone.
        let said = link.position("base");
        let Some(parent) = &link.parent else {
            whole &= said.is_none();
            break;
        };
        whole &= said.is_none_or(|said| said == parent.as_str());
        let Some(next) = by_id.get(parent).filter(|next| seen.insert(&next.id)) else {
            whole = false;
            break;
        };
        whole &= !next.is_log();
        good &= next.good;
        chain.push(next.id.clone());
        link = next;
    }
    chain.reverse();
    (chain, whole, whole && good)
}

/// As events of logs are stamped.
fn from_seconds(seconds: u32) -> Timestamp {
    Timestamp::from_micros(i64::from(seconds) * 1_000_000)
}

/// By how much a transaction may be stamped later than the server's clock was read before it: what is committed while the server begins
/// a new log is in the one before.
const AHEAD: Duration = Duration::from_mins(1);

/// What a backup of logs holds; `None` when its report lacks what it takes to use it.
fn span(record: &Record, sequence: u64) -> Option<LogSpan> {
    let (server_uid, server_id) = record.server();
    let text = |name| record.position(name).map(str::to_owned);
    let complete_until = record.report.as_ref()?.point_in_time.as_deref().and_then(Timestamp::parse_rfc3339)?;
    // A later stamp is of a session that had set its time, and says nothing.
    let first = record.instant("time.first").filter(|first| *first <= complete_until.plus(AHEAD));
    let last = record.instant("time.last").map(|last| last.min(complete_until.plus(AHEAD)));
    Some(LogSpan {
        backup: record.id.clone(),
        timeline: text("timeline")?,
        cause: text("timeline.cause"),
        reason: text("timeline.reason"),
        taken: record.started_at,
        server_uid,
        server_id,
        from: record.place("start.file", "start.position"),
        created: record.position("start.created").and_then(|created| created.parse().ok()).map(from_seconds),
        to: record.place("end.file", "end.position"),
        start: record.gtid("gtid.start")?,
        end: record.gtid("gtid.end")?,
        firsts: record.gtid("gtid.first").unwrap_or_default(),
        first,
        last,
        complete_until,
        witness: record.instant("clock.host"),
        set_back: record.instant("clock.back"),
        disorder: record.instant("time.back.from").zip(record.instant("time.back.to")),
        incident: text("incident"),
        good: record.good,
        sequence,
    })
}
