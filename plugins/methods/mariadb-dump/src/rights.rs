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

/// Fails before the first database is dropped, rather than half way, when a right is missing. Rights that come by a role cannot be
/// listed by the account itself; then the server has the word.
pub async fn check(account: &str, users: bool) -> Result<()> {
    if database::value("SELECT CURRENT_ROLE()").await?.is_some() {
        return Ok(());
    }
    let held = database::query(
        "SELECT privilege_type, is_grantable FROM information_schema.user_privileges \
         WHERE grantee = CONCAT('\\'', SUBSTRING_INDEX(CURRENT_USER(), '@', 1), '\\'@\\'', SUBSTRING_INDEX(CURRENT_USER(), '@', -1), '\\'')",
    )
    .await?;
    let has = |right: &str| held.rows.iter().any(|row| row.first() == Some(&Some(right.to_owned())));
    let grantable = held.rows.iter().any(|row| row.get(1) == Some(&Some("YES".to_owned())));
    let needed = LOAD.iter().chain(if users { ACCOUNTS } else { &[] });
    let mut missing: Vec<&str> = needed.copied().filter(|right| !has(right)).collect();
    if users && !grantable {
        missing.push("GRANT OPTION");
    }
    if missing.is_empty() {
        return Ok(());
    }
    Err(Failure::denied(format!("{account} may not restore a dump: it lacks {}", missing.join(", ")))
        .with_hint("for the restore: GRANT ALL PRIVILEGES ON *.* TO the service's user WITH GRANT OPTION"))
}
