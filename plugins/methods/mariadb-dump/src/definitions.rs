//! Stored code and views. They take no part in the transaction that a dump reads in: it holds them as they are when their turn comes, and
//! a log that is replayed from the dump's position would make, change or drop them a second time.

use bulkhead_plugin_sdk::method::{Result, database};
use mariadb_check::SYSTEM;

/// Where they are listed: view, the column of their database, and what changes with them.
const LISTS: [(&str, &str, &str); 4] = [
    ("routines", "routine_schema", "routine_schema, routine_name, routine_type, last_altered"),
    ("events", "event_schema", "event_schema, event_name, last_altered"),
    ("triggers", "trigger_schema", "trigger_schema, trigger_name, created, action_statement"),
    ("views", "table_schema", "table_schema, table_name, view_definition, definer, security_type, check_option"),
];

/// Changes when any of them does.
pub async fn fingerprint() -> Result<String> {
    let sums = LISTS.map(|(list, schema, columns)| {
        format!(
            "(SELECT CONCAT(COUNT(*), ':', COALESCE(SUM(CRC32(CONCAT_WS('/', {columns}))), 0)) \
             FROM information_schema.{list} WHERE {schema} NOT IN {SYSTEM})"
        )
    });
    let sql = format!("SET STATEMENT time_zone = '+00:00' FOR SELECT CONCAT_WS(' ', {})", sums.join(", "));
    Ok(database::value(&sql).await?.unwrap_or_default())
}
