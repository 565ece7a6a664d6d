//! The configuration.

use bulkhead_plugin_sdk::method::{Failure, Result};

/// Its JSON Schema.
pub const SCHEMA: &str = r#"{
  "type": "object",
  "properties": {
    "parallel": { "type": "integer", "minimum": 1, "maximum": 64, "default": 1, "description": "Files copied at once." },
    "prepare_memory_mib": { "type": "integer", "minimum": 16, "maximum": 65536, "default": 256,
                            "description": "Memory for preparing a restore." }
  },
  "additionalProperties": false
}"#;

/// What an operator may set.
#[derive(serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Files that are copied at once.
    pub parallel: u32,
    /// Memory that preparing a restore may use, in MiB.
    pub prepare_memory_mib: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { parallel: 1, prepare_memory_mib: 256 }
    }
}

impl Config {
    /// Checks the values' bounds.
    pub fn validate(&self) -> Result<()> {
        if !(1..=64).contains(&self.parallel) {
            return Err(Failure::invalid("configuration: parallel is 1 to 64"));
        }
        if !(16..=65_536).contains(&self.prepare_memory_mib) {
            return Err(Failure::invalid("configuration: prepare_memory_mib is 16 to 65536"));
        }
        Ok(())
    }
}
