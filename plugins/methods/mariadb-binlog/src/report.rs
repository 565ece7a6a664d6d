//! What a log backup says of itself.

use bulkhead_plugin_sdk::method::Report;
use mariadb_log::State;

use crate::archive::Archived;
use crate::continuity::{Beginning, Previous};
use crate::server::Server;
use crate::stamp;

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
    complete_until: String,
) -> Report {
    let mut report = Report::new(&server.version);
    // What was said before still holds.
    let before = previous.filter(|_| beginning.root.is_none()).map(|previous| previous.complete_until.clone());
    let later = [Some(complete_until), before].into_iter().flatten().max_by_key(|time| stamp::seconds(time));
    report.point_in_time = later;
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
    report.add("transactions", logs.iter().map(|log| log.seen.transactions).sum::<u64>().to_string());
    report.add("log.bytes", logs.iter().map(|log| log.entry.bytes).sum::<u64>().to_string());
    report
}
