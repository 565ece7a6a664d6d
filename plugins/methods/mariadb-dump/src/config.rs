//! The configuration.

/// Its JSON Schema.
pub const SCHEMA: &str = r#"{
  "type": "object",
  "properties": {
    "users": { "type": "boolean", "default": true, "description": "Back up and restore accounts, roles and grants." },
    "history": { "type": "boolean", "default": true, "description": "Dump the history of system-versioned tables, where the server can." },
    "checksum_seconds": { "type": "integer", "minimum": 0, "maximum": 86400, "default": 30,
                          "description": "Time for reading tables that nobody writes to, so that a drill can compare them; 0 reads none." }
  },
  "additionalProperties": false
}"#;

/// What an operator may set.
#[derive(serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Whether accounts, roles and grants belong to a backup.
    pub users: bool,
    /// Whether the history of system-versioned tables does.
    pub history: bool,
    /// Time for counting and summing up tables after the dump.
    pub checksum_seconds: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { users: true, history: true, checksum_seconds: 30 }
    }
}
