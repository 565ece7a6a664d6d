//! The configuration.

/// Its JSON Schema.
pub const SCHEMA: &str = r#"{
  "type": "object",
  "properties": {
    "users": { "type": "boolean", "default": true, "description": "Back up and restore accounts, roles and grants." },
    "history": { "type": "boolean", "default": true, "description": "Dump the history of system-versioned tables, where the server can." }
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
}

impl Default for Config {
    fn default() -> Self {
        Self { users: true, history: true }
    }
}
