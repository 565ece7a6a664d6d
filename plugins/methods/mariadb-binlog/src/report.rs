//! What a log backup says of itself.

use bulkhead_plugin_sdk::method::{Report, warn};
use mariadb_log::{State, stamp};

use crate::archive::Archived;
use crate::continuity::{Beginning, Previous};
use crate::server::Server;

/// Seconds by which a clock may be set back without being wrong.
const STEP: u32 = 2;

/// How far the archive has come, in the server's time.
#[derive(Clone, Copy, Debug)]
pub struct Reached {
    /// Until when it is complete, when that is known.
    pub until: Option<u32>,
    /// Whether that was read from the server's clock, before it was asked what it had logged.
    pub read: bool,
    /// What its clock had come to after the last transaction.
    pub after: Option<u32>,
    /// What the host's clock said when one of these was read.
    pub host: Option<u32>,
}

/// Where the archive ends now.
pub struct End {
    /// The last log.
    pub file: String,
    /// The next byte of it to archive.
    pub position: u64,
    /// Whether it is complete.
    pub closed: bool,
    /// When the server began it.
    pub created: Option<u32>,
    /// What is archived.
    pub state: State,
}

impl End {
    /// After these logs.
    pub fn after(beginning: &Beginning, previous: Option<&Previous>, logs: &[Archived]) -> Self {
        match (logs.last(), previous) {
            (Some(last), _) => Self {
                file: last.entry.file.clone(),
                position: last.entry.to,
                closed: last.entry.closed.is_some(),
                created: last.seen.created,
                state: last.seen.end.clone(),
            },
            (None, Some(previous)) if beginning.root.is_none() => Self {
                file: previous.file.clone(),
                position: previous.position,
                closed: previous.closed,
                created: previous.created,
                state: previous.state.clone(),
            },
            (None, _) => Self {
                file: beginning.item.file.clone(),
                position: beginning.item.position,
                closed: false,
                created: None,
                state: beginning.item.state.clone(),
            },
        }
    }
}

/// The run of backups that a backup belongs to.
pub fn timeline(backup: &str, beginning: &Beginning, previous: Option<&Previous>) -> String {
    match previous {
        Some(previous) if beginning.root.is_none() => previous.timeline.clone(),
        _ => backup.to_owned(),
    }
}

/// Makes the report.
pub fn make(
    timeline: &str,
    server: &Server,
    beginning: &Beginning,
    previous: Option<&Previous>,
    logs: &[Archived],
    end: &End,
    reached: &Reached,
) -> Report {
    let mut report = Report::new(&server.version);
    let now = server.clock.server;
    let most = now.max(reached.after.unwrap_or_default());
    let until = reached.until.or(end.created).map(|until| until.min(most));
    let before = previous.filter(|_| beginning.root.is_none()).and_then(|it| stamp::seconds(&it.complete_until));
    let before = match before.filter(|before| *before > now.saturating_add(STEP)) {
        None => before,
        // What was said before is of a clock that was wrong, or is wrong now.
        Some(back) => {
            warn!("the server's clock has gone back since the last log backup"; "from" => stamp::text(back), "to" => stamp::text(now));
            report.add("clock.back", stamp::text(back));
            None
        }
    };
    // What was said before still holds.
    report.point_in_time = Some(stamp::text(until.max(before).unwrap_or(now)));
    if let Some(until) = until.filter(|_| reached.read) {
        report.add("clock.complete", stamp::text(until));
    }
    if let Some(after) = reached.after {
        report.add("clock.after", stamp::text(after));
    }
    if let Some(host) = reached.host {
        report.add("clock.host", stamp::text(host));
    }
    report.add("timeline", timeline);
    if let Some(root) = &beginning.root {
        report.add("timeline.cause", root.cause);
        report.add("timeline.reason", &root.reason);
    }
    report.add("server.id", &server.id);
    if let Some(uid) = &server.uid {
        report.add("server.uid", uid);
    }
    report.add("start.file", &beginning.item.file);
    report.add("start.position", beginning.item.position.to_string());
    report.add("end.file", &end.file);
    report.add("end.position", end.position.to_string());
    if end.closed {
        report.add("end.closed", "1");
    }
    if let Some(created) = end.created {
        report.add("end.created", created.to_string());
    }
    report.add("gtid.start", beginning.item.state.to_string());
    report.add("gtid.end", end.state.to_string());
    // A server that began as a copy of another says nothing in its logs of what came before: only numbers tell then.
    let mut firsts = State::default();
    for gtid in logs.iter().flat_map(|log| log.seen.firsts.iter()) {
        if firsts.last_of(gtid.domain).is_none() {
            firsts.advance(gtid);
        }
    }
    if !firsts.is_empty() {
        report.add("gtid.first", firsts.to_string());
    }
    if let Some(first) = logs.iter().find_map(|log| log.seen.first) {
        report.add("time.first", stamp::text(first));
    }
    if let Some(last) = logs.iter().filter_map(|log| log.seen.last).max() {
        report.add("time.last", stamp::text(last));
    }
    if let Some((from, to)) = logs.iter().filter_map(|log| log.seen.back).reduce(|(a, b), (c, d)| (a.min(c), b.max(d)))
    {
        report.add("time.back.from", stamp::text(from));
        report.add("time.back.to", stamp::text(to));
    }
    if let Some(incident) = logs.iter().find_map(|log| log.seen.incident.as_ref()) {
        warn!("the server notes in its log that it lost transactions"; "after" => incident);
        report.add("incident", incident.to_string());
    }
    report.add("transactions", logs.iter().map(|log| log.seen.transactions).sum::<u64>().to_string());
    report.add("log.bytes", logs.iter().map(|log| log.entry.bytes).sum::<u64>().to_string());
    report
}
