//! The configuration.

/// Its JSON Schema.
pub const SCHEMA: &str = r#"{
  "type": "object",
  "properties": {
    "users": { "type": "boolean", "default": true, "description": "Back up and restore accounts, roles and grants." },
    "history": { "type": "boolean", "default": true, "description": "Dump the history of system-versioned tables, where the server can." },
    "lock_tables": { "enum": ["never", "auto"], "default": "never",
                     "description": "What to do with tables outside InnoDB, which a dump does not hold as of the instant of the others: `never` leaves them, and no log continues such a dump; `auto` stops writing to them until the dump has ended." },
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
    /// What to do with tables outside InnoDB.
    pub lock_tables: LockTables,
    /// Time for counting and summing up tables after the dump.
    pub checksum_seconds: u32,
}

/// What to do with tables that take no part in the transaction that a dump reads in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LockTables {
    /// Nothing: writers come first. Logs do not continue a dump of such tables then.
    Never,
    /// They are not written to until the dump has ended.
    Auto,
}

impl Default for Config {
    fn default() -> Self {
        Self { users: true, history: true, lock_tables: LockTables::Never, checksum_seconds: 30 }
    }
}
