//! The configuration.

use bulkhead_plugin_sdk::method::{Failure, Result};

use crate::scope::{Database, Scope, check_name};

/// Its JSON Schema.
pub const SCHEMA: &str = r#"{
  "type": "object",
  "properties": {
    "namespace": { "type": "string", "minLength": 1, "description": "The namespace to back up; all of them without it." },
    "database": { "type": "string", "minLength": 1, "description": "The database of that namespace; all of them without it." },
    "batch_bytes": { "type": "integer", "minimum": 4096, "maximum": 8388608, "default": 1048576,
                     "description": "Bytes of records that a restore sends at once." },
    "parallel": { "type": "integer", "minimum": 1, "maximum": 16, "default": 4,
                  "description": "Requests that a restore has under way at once." }
  },
  "additionalProperties": false
}"#;

/// What an operator may set.
#[derive(serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The one namespace, or all.
    pub namespace: Option<String>,
    /// The one database of the namespace, or all.
    pub database: Option<String>,
    /// Bytes of records in one request of a restore.
    pub batch_bytes: usize,
    /// Requests of a restore at once.
    pub parallel: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { namespace: None, database: None, batch_bytes: 1 << 20, parallel: 4 }
    }
}

impl Config {
    /// Checks what the schema cannot say.
    pub fn validate(&self) -> Result<()> {
        self.scope().map(drop)
    }

    /// What a backup is of.
    pub fn scope(&self) -> Result<Scope> {
        match (&self.namespace, &self.database) {
            (None, Some(_)) => Err(Failure::invalid("`database` without `namespace`")
                .with_hint("set namespace as well: a database is one of a namespace")),
            (Some(namespace), Some(database)) => {
                let database = Database { namespace: namespace.clone(), name: database.clone() };
                database.check_names()?;
                Ok(Scope::Database(database))
            }
            (Some(namespace), None) => {
                check_name("namespace", namespace)?;
                Ok(Scope::Namespace(namespace.clone()))
            }
            (None, None) => Ok(Scope::Server),
        }
    }
}
