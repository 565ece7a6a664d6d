//! To which moments a service can be restored, and by what. Pure: what is kept goes in, a window or a plan comes out.
//!
//! A base holds the state of its own instant. Logs continue it when they hold exactly what was committed after it; that is
//! decided by GTID, and, because the same GTIDs can occur in two histories of a service, also by time, by the place in the
//! server's log and by the restores in between. Where this is not certain, the base is not taken to be continued: a window
//! that is too narrow costs a later restore, one that is too wide loses data.

mod clock;
mod plan;
mod record;
mod runs;
#[cfg(test)]
mod tests;
mod window;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::gtid::GtidState;
use crate::{BackupId, Method, Timestamp};

pub use record::Record;

/// A backup that restores to its own instant, and that logs may continue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BasePoint {
    /// The backup.
    pub backup: BackupId,
    /// Its method.
    pub method: Method,
    /// From the backup that restores alone to this one.
    pub chain: Vec<BackupId>,
    /// The instant whose state it holds.
    pub at: Timestamp,
    /// When it was begun, by the catalog: no restore happened between then and [`at`](Self::at).
    pub taken: Timestamp,
    /// The transactions that it holds, when the server keeps a log.
    pub gtid: Option<GtidState>,
    /// Where in the server's log that is.
    pub place: Option<LogPlace>,
    /// Which server it was taken from.
    pub server_uid: Option<String>,
    /// Its number in replication.
    pub server_id: Option<u32>,
    /// Whether all of its chain is there.
    pub whole: bool,
    /// Whether it is, and none of it was found damaged.
    pub good: bool,
    /// When it was last verified.
    pub verified_at: Option<Timestamp>,
    /// How deep that went.
    pub verified_level: Option<String>,
}

/// A place in a server's log.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LogPlace {
    /// The file, without its number: `binlog`.
    pub name: String,
    /// Its number.
    pub number: u64,
    /// The byte that follows.
    pub offset: u64,
}

/// A backup of logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSpan {
    /// The backup.
    pub backup: BackupId,
    /// The run of logs without a hole that it belongs to: its first backup.
    pub timeline: String,
    /// Of the first backup of a run: why it does not continue the one before.
    pub cause: Option<String>,
    /// That in a sentence.
    pub reason: Option<String>,
    /// When it was begun, by the catalog.
    pub taken: Timestamp,
    /// Which server it was taken from.
    pub server_uid: Option<String>,
    /// Its number in replication.
    pub server_id: Option<u32>,
    /// Where it begins in the server's log.
    pub from: Option<LogPlace>,
    /// When the server began that file.
    pub created: Option<Timestamp>,
    /// Where it ends.
    pub to: Option<LogPlace>,
    /// The transactions before its first one.
    pub start: GtidState,
    /// The transactions up to its last one.
    pub end: GtidState,
    /// The first transaction of each domain in it. A server that began as a copy of another one knows nothing of what came
    /// before its own first one: only that one's number tells.
    pub firsts: GtidState,
    /// The stamp of its first transaction.
    pub first: Option<Timestamp>,
    /// The stamp of its last transaction.
    pub last: Option<Timestamp>,
    /// All that was committed until then is in this or an earlier log of the run, by the server's clock.
    pub complete_until: Timestamp,
    /// What the host's clock said when that was read from the server's.
    pub witness: Option<Timestamp>,
    /// What the server's clock had said when the log backup before was made, if it has gone back since.
    pub set_back: Option<Timestamp>,
    /// Between which stamps transactions are not in the order of their stamps.
    pub disorder: Option<(Timestamp, Timestamp)>,
    /// After which transactions the server noted that it had lost some.
    pub incident: Option<String>,
    /// Whether it was not found damaged.
    pub good: bool,
    /// Its place in the order in which logs were archived.
    pub sequence: u64,
}

/// Where a restore stops.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Until {
    /// Before the first transaction that is stamped with this second or later.
    Time(Timestamp),
    /// After these transactions.
    Transaction(GtidState),
}

/// All that is kept of a service.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// Succeeded backups that restore.
    pub bases: Vec<BasePoint>,
    /// Archived logs.
    pub logs: Vec<LogSpan>,
    /// When the service was restored.
    pub restores: Vec<Timestamp>,
    /// When the first log backup of a timeline was begun that is no longer there.
    pub roots: BTreeMap<String, Timestamp>,
}

/// What to restore in which order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoveryPlan {
    /// From the backup that restores alone to the last one on top of it.
    pub chain: Vec<BackupId>,
    /// The logs that are replayed then.
    pub logs: Vec<BackupId>,
    /// Where it stops; `None` is the end of the chain.
    pub until: Option<Until>,
    /// The instant that is reached.
    pub at: Timestamp,
    /// Why these, in a sentence.
    pub why: String,
}

/// The moments that a service can be restored to, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecoveryWindow {
    /// All of their instants can be restored.
    pub intervals: Vec<Interval>,
    /// None of theirs can.
    pub gaps: Vec<Gap>,
    /// Of these, which lie within the intervals, some may be refused.
    pub doubts: Vec<Doubt>,
}

/// Instants that can be restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interval {
    /// The first.
    pub from: Timestamp,
    /// The last.
    pub to: Timestamp,
    /// The backup that is restored for them.
    pub base: BackupId,
    /// Its method.
    pub method: Method,
    /// How many log backups continue it.
    pub logs: usize,
    /// Which run of logs.
    pub timeline: Option<String>,
    /// When the base was last verified.
    pub verified_at: Option<Timestamp>,
    /// How deep that went.
    pub verified_level: Option<String>,
}

/// Instants about which the archive's stamps may not agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// The first.
    pub from: Timestamp,
    /// The last.
    pub to: Timestamp,
    /// Why, in a sentence.
    pub cause: String,
}

/// Instants that cannot be restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// After this instant.
    pub from: Timestamp,
    /// Before this one; `None` is until now.
    pub to: Option<Timestamp>,
    /// Why, in a sentence.
    pub cause: String,
}
