//! What a server keeps for itself and no dump of databases holds, taken from the live server into the one that will take its place.

use std::collections::BTreeSet;
use std::time::Duration;

use bulkhead_model::{Failure, Result};
use bulkhead_runtime::{Attempt, Connection, ToolScope};

use crate::config::ServiceConfig;
use crate::executor::Run;

/// One question.
const ASK: Duration = Duration::from_secs(30);
/// Far more than the accounts of a server take.
const MOST: u64 = 64 << 20;
/// Rows that are inserted with one statement.
const ROWS: usize = 200;
/// Accounts that belong to the server that runs, not to its data: a dump leaves them out.
const OWN: [&str; 4] = ["root", "mysql", "mariadb.sys", ""];

/// Tables of `mysql` by which a server is more than its databases and accounts, and the columns that tell rows apart.
const BELONGINGS: [(&str, &str, &[&str]); 3] = [
    ("servers", "remote servers (mysql.servers)", &["Server_name"]),
    ("func", "loadable functions (mysql.func)", &["name"]),
    ("plugin", "plugins (mysql.plugin)", &["name"]),
];
/// Tables that say what an account is and may do.
const ACCOUNTS: [&str; 7] =
    ["global_priv", "db", "tables_priv", "columns_priv", "procs_priv", "proxies_priv", "roles_mapping"];

/// The tables by which a server knows time zones by name.
const NAMED_ZONES: [&str; 5] =
    ["time_zone", "time_zone_leap_second", "time_zone_name", "time_zone_transition", "time_zone_transition_type"];

/// Before anything is loaded or replayed: events and statements name zones.
///
/// # Errors
/// `unavailable` when the live server cannot be read, which is the only one that has them.
pub(super) async fn named_zones(run: &Run, service: &ServiceConfig, into: &Attempt) -> Result<()> {
    tables(run, service, into, &NAMED_ZONES).await.map_err(|failure| {
        failure
            .context("taking over the time zones that the server knows by name")
            .with_hint("the service's user needs SELECT ON mysql.*; a full backup holds these tables itself")
    })
}

/// Rows of the live server that the restored one does not have; says what was taken over.
///
/// # Errors
/// As [`Connection::query`], of either server.
pub(super) async fn belongings(live: &Connection, restored: &Connection) -> Result<Vec<String>> {
    let mut carried = Vec::new();
    for (table, what, key) in BELONGINGS {
        let missing = &keys(live, table, key).await? - &keys(restored, table, key).await?;
        if !missing.is_empty() {
            copy_rows(live, restored, table, key, &missing).await?;
            carried.push(format!("{} {what}", missing.len()));
        }
    }
    Ok(carried)
}

/// Accounts of the live server that the restored one does not have, the server's own, and the one that the host connects as: those
/// stay when a dump is loaded into a running server, and they stay here. In force from the next start on.
///
/// # Errors
/// As [`Connection::query`], of either server.
pub(super) async fn accounts(live: &Connection, restored: &Connection) -> Result<()> {
    const KEY: &[&str] = &["Host", "User"];
    let sql = "SELECT HEX(SUBSTRING_INDEX(CURRENT_USER(), '@', -1)), HEX(SUBSTRING_INDEX(CURRENT_USER(), '@', 1))";
    let current = live.query(sql, ASK, MOST).await?.rows.into_iter().map(|row| key_of(&row));
    let own: Vec<String> = OWN.iter().map(|user| format!("-{}", hex::encode_upper(user))).collect();
    let all = keys(live, "global_priv", KEY).await?;
    let stays: BTreeSet<String> =
        all.iter().filter(|key| own.iter().any(|own| key.ends_with(own.as_str()))).cloned().collect();
    let known = keys(restored, "global_priv", KEY).await?;
    let mut carried: BTreeSet<String> = all.iter().filter(|key| !known.contains(*key)).cloned().collect();
    carried.extend(stays);
    carried.extend(current.filter(|key| all.contains(key)));
    for table in ACCOUNTS {
        // Also what a new installation has made of them.
        let gone: BTreeSet<String> = if table == "global_priv" {
            let own = known.iter().filter(|key| own.iter().any(|own| key.ends_with(own.as_str())));
            carried.iter().chain(own).cloned().collect()
        } else {
            carried.clone()
        };
        // Memberships that the dump holds stay, as they do in a running server.
        for part in parts(&gone).filter(|_| table != "roles_mapping") {
            restored.query(&format!("DELETE FROM mysql.{table} WHERE {}", among(KEY, &part)), ASK, MOST).await?;
        }
        copy_rows(live, restored, table, KEY, &carried).await?;
    }
    Ok(())
}

/// What tells the rows of a table apart, each column in hexadecimal digits.
async fn keys(server: &Connection, table: &str, key: &[&str]) -> Result<BTreeSet<String>> {
    let columns: Vec<String> = key.iter().map(|column| format!("HEX({column})")).collect();
    let rows = server.query(&format!("SELECT {} FROM mysql.{table}", columns.join(", ")), ASK, MOST).await?.rows;
    Ok(rows.iter().map(|row| key_of(row)).collect())
}

fn key_of(row: &[Option<String>]) -> String {
    row.iter().map(|cell| cell.as_deref().unwrap_or_default()).collect::<Vec<_>>().join("-")
}

fn among(key: &[&str], keys: &[&String]) -> String {
    let columns: Vec<String> = key.iter().map(|column| format!("HEX({column})")).collect();
    let keys: Vec<String> = keys.iter().map(|key| format!("'{key}'")).collect();
    format!("CONCAT_WS('-', {}) IN ({})", columns.join(", "), keys.join(", "))
}

fn parts(keys: &BTreeSet<String>) -> impl Iterator<Item = Vec<&String>> {
    let all: Vec<&String> = keys.iter().collect();
    let parts: Vec<Vec<&String>> = all.chunks(ROWS).map(<[&String]>::to_vec).collect();
    parts.into_iter()
}

/// Columns that both servers know; the value of each goes as bytes.
async fn copy_rows(
    live: &Connection,
    restored: &Connection,
    table: &str,
    key: &[&str],
    which: &BTreeSet<String>,
) -> Result<()> {
    let columns = columns(live, table).await?;
    let known = self::columns(restored, table).await?;
    let columns: Vec<String> = columns.into_iter().filter(|column| known.contains(column)).collect();
    let read: Vec<String> = columns.iter().map(|column| format!("HEX(CAST({column} AS BINARY))")).collect();
    for part in parts(which) {
        let sql = format!("SELECT {} FROM mysql.{table} WHERE {}", read.join(", "), among(key, &part));
        let rows = live.query(&sql, ASK, MOST).await?.rows;
        let value = |cell: &Option<String>| match cell.as_deref() {
            None => "NULL".to_owned(),
            Some(bytes) => format!("CONVERT(x'{bytes}' USING utf8mb4)"),
        };
        let rows: Vec<String> =
            rows.iter().map(|row| format!("({})", row.iter().map(value).collect::<Vec<_>>().join(", "))).collect();
        for some in rows.chunks(ROWS) {
            let sql = format!("REPLACE INTO mysql.{table} ({}) VALUES {}", columns.join(", "), some.join(", "));
            restored.query(&sql, ASK, MOST).await?;
        }
    }
    Ok(())
}

async fn columns(server: &Connection, table: &str) -> Result<Vec<String>> {
    let sql = format!(
        "SELECT CONCAT('`', REPLACE(column_name, '`', '``'), '`') FROM information_schema.columns \
         WHERE table_schema = 'mysql' AND table_name = '{table}' ORDER BY ordinal_position"
    );
    let rows = server.query(&sql, ASK, MOST).await?.rows;
    Ok(rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect())
}

/// Copies tables of the database `mysql` as they are.
async fn tables(run: &Run, service: &ServiceConfig, into: &Attempt, tables: &[&str]) -> Result<()> {
    let mut arguments: Vec<String> =
        ["--quick", "--skip-lock-tables", "--skip-add-locks", "--default-character-set=utf8mb4", "mysql"]
            .map(str::to_owned)
            .to_vec();
    arguments.extend(tables.iter().map(|table| (*table).to_owned()));
    let tools = run.engine.runtime.tools();
    let (read, write) = (ToolScope::from(&run.attempt_for(service)), ToolScope::from(into));
    let dump = tools.run(&read, "mariadb-dump", &arguments, None).await?;
    let data = dump.stdout().ok_or_else(|| Failure::internal("the dump has no output"))?;
    let client = ["--binary-mode", "--default-character-set=utf8mb4", "--database=mysql"].map(str::to_owned);
    let client = tools.run(&write, "mariadb", &client, Some(data)).await?;
    let loaded = client.wait().await;
    dump.wait().await?;
    loaded.map(drop)
}
