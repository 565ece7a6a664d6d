//! What `/status` says.

use serde::Serialize;

use crate::gate::Phase;
use crate::processor::Description;

/// Whether the front door is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Everything is let through.
    Open,
    /// The replica is looked at, or copied from the main database.
    Cloning,
    /// A restore is under way, or did not end.
    Restoring,
}

/// How a front door is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Status {
    /// The service before which it stands.
    pub service: String,
    /// Whether it is open.
    pub state: State,
    /// Why it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The last sequence number given.
    pub sequence: u64,
    /// The last event in the replica.
    pub applied: u64,
    /// Events that wait for the replica.
    pub buffered: usize,
    /// Events that the replica did not take; see `refused.jsonl`.
    pub refused: usize,
    /// Whether the replica stands still for a bootstrap.
    pub frozen: bool,
    /// Files of the log.
    pub log_segments: usize,
    /// Why nothing more is written to the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_trouble: Option<String>,
    /// Why the replica does not keep up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replica_trouble: Option<String>,
    pub(crate) ssps: Vec<Description>,
}

impl From<&Phase> for State {
    fn from(phase: &Phase) -> Self {
        match phase {
            Phase::Open => Self::Open,
            Phase::Preparing { .. } => Self::Cloning,
            Phase::Restoring { .. } => Self::Restoring,
        }
    }
}
