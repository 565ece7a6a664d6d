//! What a method says of the backup it made.

use serde::{Deserialize, Serialize};

/// Mirrors `report` of `bulkhead:method`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Version of the server that was backed up, as it states it.
    pub server_version: String,
    /// The instant whose state the backup holds, RFC 3339 in UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub point_in_time: Option<String>,
    /// Names and values: `lsn.from`, `lsn.to`, `gtid`, `binlog.file`, `binlog.position`, ...
    pub positions: Vec<(String, String)>,
}

impl Report {
    /// The value of a position.
    pub fn position(&self, name: &str) -> Option<&str> {
        self.positions.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}
