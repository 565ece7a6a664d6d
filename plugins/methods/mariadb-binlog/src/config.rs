//! The configuration.

use bulkhead_plugin_sdk::method::{Failure, Result};

/// Its JSON Schema.
pub const SCHEMA: &str = r#"{
  "type": "object",
  "properties": {
    "flush": { "type": "boolean", "default": true, "description": "Have the server begin a new log first, so that everything committed until then is archived. Without it only logs that the server has closed by itself are." },
    "continuous": { "type": "boolean", "default": false, "description": "Stay connected and archive transactions as they are committed." },
    "segment_seconds": { "type": "integer", "minimum": 1, "maximum": 3600, "default": 60, "description": "In the continuous mode, the age at which a backup is completed and the next one begins." },
    "segment_mib": { "type": "integer", "minimum": 1, "maximum": 4096, "default": 64, "description": "In the continuous mode, the size at which it is." }
  },
  "additionalProperties": false
}"#;

/// What an operator may set.
#[derive(serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Whether the server is asked to begin a new log first.
    pub flush: bool,
    /// Whether the attempt stays connected.
    pub continuous: bool,
    /// The age at which a continuous attempt ends.
    pub segment_seconds: u64,
    /// The size at which it ends.
    pub segment_mib: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self { flush: true, continuous: false, segment_seconds: 60, segment_mib: 64 }
    }
}

impl Config {
    /// Checks what the schema says, for callers that have not.
    ///
    /// # Errors
    /// `invalid`, naming the key.
    pub fn validate(&self) -> Result<()> {
        if !(1..=3600).contains(&self.segment_seconds) {
            return Err(Failure::invalid("configuration: `segment_seconds` must be 1 to 3600"));
        }
        if !(1..=4096).contains(&self.segment_mib) {
            return Err(Failure::invalid("configuration: `segment_mib` must be 1 to 4096"));
        }
        Ok(())
    }
}
