//! Lets a server keep the accounts that are its own: a dump does not hold them, and where it is restored into a fresh data directory
//! they would be those of a new installation.

use std::time::Duration;

use bulkhead_model::{Failure, Result};
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
    require_others(service, restored).await?;
    let accounts = match accounts_of(service, &format!("user IN {OWN}")).await {
        Ok(accounts) => accounts,
        Err(failure) => {
            tracing::warn!(
                service = %service.id, error = %failure,
                "the server's own accounts, such as root, cannot be read: they will be those of a new installation"
            );
            return Ok(());
        }
    };
    restored.query(&format!("DELETE FROM mysql.global_priv WHERE user IN {OWN}"), ASK, MOST).await?;
    add(&accounts, restored).await
}

/// Lets the account that this host connects with live on where a dump of all accounts does not know it.
pub(super) async fn keep_connecting(service: &ServiceConfig, restored: &Connection) -> Result<()> {
    let user = format!("user = CONVERT(x'{}' USING utf8mb4)", hex::encode(&service.connection.user));
    let asked = format!("SELECT COUNT(*) FROM mysql.global_priv WHERE {user}");
    let rows = restored.query(&asked, ASK, MOST).await?.rows;
    if rows.first().and_then(|row| row.first()?.as_deref()) != Some("0") {
        return Ok(());
    }
    match accounts_of(service, &user).await {
        Ok(accounts) => add(&accounts, restored).await,
        Err(failure) => {
            tracing::warn!(
                service = %service.id, error = %failure,
                "the dump does not know the account that this host connects with, and it cannot be read to be kept"
            );
            Ok(())
        }
    }
}

/// Accounts of the live server as rows to be inserted.
async fn accounts_of(service: &ServiceConfig, which: &str) -> Result<Vec<String>> {
    let asked = format!("SELECT HEX(host), HEX(user), HEX(priv) FROM mysql.global_priv WHERE {which}");
    let rows = service.connection.query(&asked, ASK, MOST).await?.rows;
    let text = |cell: &Option<String>| format!("CONVERT(x'{}' USING utf8mb4)", cell.as_deref().unwrap_or_default());
    Ok(rows.iter().map(|row| format!("({})", row.iter().map(text).collect::<Vec<_>>().join(", "))).collect())
}

async fn add(accounts: &[String], restored: &Connection) -> Result<()> {
    if accounts.is_empty() {
        return Ok(());
    }
    let insert = format!("INSERT INTO mysql.global_priv (host, user, priv) VALUES {}", accounts.join(", "));
    restored.query(&insert, ASK, MOST).await.map(drop)
}

/// A dump may have been made without accounts: loaded into a running server it leaves those alone, but a fresh directory has none.
async fn require_others(service: &ServiceConfig, restored: &Connection) -> Result<()> {
    if OWN.contains(&format!("'{}'", service.connection.user)) {
        return Ok(());
    }
    let asked = format!(
        "SELECT COUNT(*) FROM mysql.global_priv WHERE user NOT IN {OWN} AND user <> '{}'
             AND JSON_VALUE(priv, '$.is_role') IS NULL",
        restored.user
    );
    let rows = restored.query(&asked, ASK, MOST).await?.rows;
    if rows.first().and_then(|row| row.first()?.as_deref()) != Some("0") {
        return Ok(());
    }
    Err(Failure::unsupported("the dump holds no accounts: nobody could log in to a server restored from it")
        .with_hint("begin with a full backup, or with a dump that was made with `users = true`"))
}
