//! Which logs may go. No count and no age decides that: logs are of use with a backup that they continue, and only with it.

use std::collections::{HashMap, HashSet};

use super::{Reason, Removal, Verdict};
use crate::recovery::{BasePoint, History, LogSpan};
use crate::{BackupId, Timestamp};

/// What keeps logs besides the backups that they continue.
#[derive(Clone, Debug, Default)]
pub struct LogKeepers {
    /// What somebody said to keep.
    pub pinned: HashSet<BackupId>,
    /// Since when a backup that logs may continue is being made.
    pub making_since: Option<Timestamp>,
}

/// Says for each backup of logs why it is kept, or that it expires; in the order of the history.
///
/// Kept are those that continue a backup that is kept, whatever leads on from them, and always the newest. A backup or a
/// log that was found damaged counts as if it were not as long as it is kept: what is thrown away does not come back when a
/// deeper look clears it.
pub fn plan_logs(history: &History, keepers: &LogKeepers) -> Vec<Verdict> {
    let trusting = History {
        bases: history.bases.iter().map(|base| BasePoint { good: base.whole, ..base.clone() }).collect(),
        logs: history.logs.iter().map(|log| LogSpan { good: true, ..log.clone() }).collect(),
        ..history.clone()
    };
    let mut users: HashMap<&BackupId, &BackupId> = trusting.log_users();
    // Around what is damaged there may be another way, which has to stay too.
    users.extend(history.log_users());
    let newest = history.logs.iter().max_by_key(|log| log.sequence).map(|log| &log.backup);
    let oldest = trusting.bases.iter().filter(|base| base.good).map(|base| base.at).min();
    let verdict = |log: &LogSpan| {
        let mut keep: Vec<Reason> = Vec::new();
        keep.extend(users.get(&log.backup).map(|base| Reason::Continues((*base).clone())));
        if newest == Some(&log.backup) {
            keep.push(Reason::NewestLog);
        }
        if keepers.making_since.is_some_and(|since| since.second() <= log.complete_until || since <= log.taken) {
            keep.push(Reason::BeingMade);
        }
        if keepers.pinned.contains(&log.backup) {
            keep.push(Reason::Pinned);
        }
        let before = oldest.is_some_and(|oldest| log.complete_until <= oldest);
        let why = if before { Removal::BeforeBases } else { Removal::NoBase };
        Verdict { id: log.backup.clone(), removal: keep.is_empty().then_some(why), keep }
    };
    history.logs.iter().map(verdict).collect()
}
