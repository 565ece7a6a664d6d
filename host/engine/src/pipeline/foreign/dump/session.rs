//! The SQL modes that a dump sets while it is loaded: what a quote and a backslash mean depends on them.

use std::collections::BTreeMap;

use super::super::sql::Modes;
use super::setting::{Assignment, Scope, Value};

/// Variables that a dump keeps modes in.
const SAVED_MAX: usize = 64;
/// Modes that have `ANSI_QUOTES` among them.
const ANSI: [&str; 7] = ["ANSI_QUOTES", "ANSI", "DB2", "MAXDB", "MSSQL", "ORACLE", "POSTGRESQL"];
/// The same as numbers: `ANSI_QUOTES`, and `NO_BACKSLASH_ESCAPES`.
const BITS: (u64, u64) = (4, 1 << 20);
const SQL_MODE: &str = "sql_mode";

/// What a session has come to.
#[derive(Default)]
pub(super) struct Session {
    sql_mode: String,
    saved: BTreeMap<String, String>,
}

impl Session {
    pub(super) fn set(&mut self, assignments: &[Assignment]) {
        for Assignment { scope, name, value } in assignments {
            match (scope, value) {
                (Scope::Saved, Value::System(system)) if system == SQL_MODE && self.saved.len() < SAVED_MAX => {
                    self.saved.insert(name.clone(), self.sql_mode.clone());
                }
                (Scope::Session, Value::Plain(text)) if name == SQL_MODE => self.sql_mode.clone_from(text),
                (Scope::Session, Value::Saved(saved)) if name == SQL_MODE => {
                    self.sql_mode = self.saved.get(saved).cloned().unwrap_or_default();
                }
                _ => {}
            }
        }
    }

    pub(super) fn modes(&self) -> Modes {
        if let Ok(bits) = self.sql_mode.parse::<u64>() {
            return Modes { ansi_quotes: bits & BITS.0 != 0, plain_backslash: bits & BITS.1 != 0 };
        }
        let has = |mode: &str| self.sql_mode.split(',').any(|set| set.trim().eq_ignore_ascii_case(mode));
        Modes { ansi_quotes: ANSI.iter().any(|mode| has(mode)), plain_backslash: has("NO_BACKSLASH_ESCAPES") }
    }
}
