//! Lets a server keep the accounts that are its own: a dump does not hold them, and where it is restored into a fresh data directory
//! they would be those of a new installation.

use std::time::Duration;

use bulkhead_model::Result;
use bulkhead_runtime::Connection;

use crate::config::ServiceConfig;

/// One question.
const ASK: Duration = Duration::from_secs(10);
/// Much more than a handful of accounts takes.
const MOST: u64 = 1 << 20;
/// As `mariadb-dump` of this host leaves them out; what it states of `PUBLIC` is in the dump.
const OWN: &str = "('root', 'mysql', 'mariadb.sys', '')";

/// Takes them from the live server, which knows them best, into the one that will take its place. They are in force there from its
/// next start on.
pub(super) async fn keep(service: &ServiceConfig, restored: &Connection) -> Result<()> {
    let asked = format!("SELECT HEX(host), HEX(user), HEX(priv) FROM mysql.global_priv WHERE user IN {OWN}");
    let rows = match service.connection.query(&asked, ASK, MOST).await {
        Ok(rows) => rows.rows,
        Err(failure) => {
            tracing::warn!(
                service = %service.id, error = %failure,
                "the server's own accounts, such as root, cannot be read: they will be those of a new installation"
            );
            return Ok(());
        }
    };
    let text = |cell: &Option<String>| format!("CONVERT(x'{}' USING utf8mb4)", cell.as_deref().unwrap_or_default());
    let accounts: Vec<String> =
        rows.iter().map(|row| format!("({})", row.iter().map(text).collect::<Vec<_>>().join(", "))).collect();
    restored.query(&format!("DELETE FROM mysql.global_priv WHERE user IN {OWN}"), ASK, MOST).await?;
    if !accounts.is_empty() {
        let insert = format!("INSERT INTO mysql.global_priv (host, user, priv) VALUES {}", accounts.join(", "));
        restored.query(&insert, ASK, MOST).await?;
    }
    Ok(())
}
