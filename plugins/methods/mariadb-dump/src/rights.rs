//! What the account of the host may do on the server that is restored.

use bulkhead_plugin_sdk::method::{Failure, Result, database};

/// What the statements of a dump need, on every database.
const LOAD: &[&str] = &[
    "SELECT",
    "INSERT",
    "CREATE",
    "DROP",
    "ALTER",
    "INDEX",
    "REFERENCES",
    "LOCK TABLES",
    "CREATE VIEW",
    "CREATE ROUTINE",
    "ALTER ROUTINE",
    "TRIGGER",
    "EVENT",
    "SET USER",
];

/// What the scripts of accounts need besides.
const ACCOUNTS: &[&str] = &["CREATE USER", "RELOAD", "UPDATE", "DELETE"];

/// The rights of the account on every database, and whether it may pass them on. `None` when they come by a role, too: those cannot
/// be listed by the account itself, and the server has the word.
pub struct Rights {
    held: Option<Vec<(String, bool)>>,
}

impl Rights {
    /// Asks the server that is restored.
    pub async fn ask() -> Result<Self> {
        if database::value("SELECT CURRENT_ROLE()").await?.is_some() {
            return Ok(Self { held: None });
        }
        let rows = database::query(
            "SELECT privilege_type, is_grantable FROM information_schema.user_privileges \
             WHERE grantee = CONCAT('\\'', SUBSTRING_INDEX(CURRENT_USER(), '@', 1), '\\'@\\'', SUBSTRING_INDEX(CURRENT_USER(), '@', -1), '\\'')",
        )
        .await?;
        let right = |row: Vec<Option<String>>| match <[Option<String>; 2]>::try_from(row) {
            Ok([Some(right), grantable]) => Some((right, grantable.as_deref() == Some("YES"))),
            _ => None,
        };
        Ok(Self { held: Some(rows.rows.into_iter().filter_map(right).collect()) })
    }

    /// Whether the account has a right, where that can be told.
    pub fn has(&self, right: &str) -> Option<bool> {
        Some(self.held.as_ref()?.iter().any(|(held, _)| held == right))
    }

    /// Fails before the first database is dropped, rather than half way, when a right is missing.
    pub fn check(&self, account: &str, users: bool) -> Result<()> {
        let Some(held) = &self.held else { return Ok(()) };
        let needed = LOAD.iter().chain(if users { ACCOUNTS } else { &[] });
        let mut missing: Vec<&str> = needed.copied().filter(|right| self.has(right) == Some(false)).collect();
        if users && !held.iter().any(|(_, grantable)| *grantable) {
            missing.push("GRANT OPTION");
        }
        if missing.is_empty() {
            return Ok(());
        }
        Err(Failure::denied(format!("{account} may not restore a dump: it lacks {}", missing.join(", ")))
            .with_hint("for the restore: GRANT ALL PRIVILEGES ON *.* TO the service's user WITH GRANT OPTION"))
    }
}
