//! The part of the configuration that the methods share.

use bulkhead_plugin_sdk::method::{Failure, Result};

/// Its properties, for a JSON Schema.
pub const PROPERTIES: &str = r#"
    "parallel": { "type": "integer", "minimum": 1, "maximum": 64, "default": 1, "description": "Files copied at once." },
    "prepare_memory_mib": { "type": "integer", "minimum": 16, "maximum": 65536, "default": 256,
                            "description": "Memory for preparing a restore." },
    "checksum_seconds": { "type": "integer", "minimum": 0, "maximum": 86400, "default": 30,
                          "description": "Time for reading tables that nobody writes to, so that a drill can compare them; 0 reads none." }"#;

/// What an operator may set.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(default)]
pub struct Copying {
    /// Files that are copied at once.
    pub parallel: u32,
    /// Memory that preparing a restore may use, in MiB.
    pub prepare_memory_mib: u32,
    /// Time for counting and summing up tables after the copy.
    pub checksum_seconds: u32,
}

impl Default for Copying {
    fn default() -> Self {
        Self { parallel: 1, prepare_memory_mib: 256, checksum_seconds: 30 }
    }
}

impl Copying {
    /// Checks the values' bounds.
    ///
    /// # Errors
    /// `invalid`, naming the key.
    pub fn validate(&self) -> Result<()> {
        if !(1..=64).contains(&self.parallel) {
            return Err(Failure::invalid("configuration: parallel is 1 to 64"));
        }
        if !(16..=65_536).contains(&self.prepare_memory_mib) {
            return Err(Failure::invalid("configuration: prepare_memory_mib is 16 to 65536"));
        }
        if self.checksum_seconds > 86_400 {
            return Err(Failure::invalid("configuration: checksum_seconds is 0 to 86400"));
        }
        Ok(())
    }
}
