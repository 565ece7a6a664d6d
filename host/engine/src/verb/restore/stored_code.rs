//! Functions, triggers and sequences that a server with a binary log may not let in. A server that was filled for the purpose has taken them
//! already; the live one is asked before it is touched.

use bulkhead_model::{Failure, Result};
use bulkhead_runtime::Connection;

/// Functions that are named.
const NAMED: usize = 10;
/// One question.
const ASK: std::time::Duration = std::time::Duration::from_mins(1);
/// The most of an answer.
const ANSWER: u64 = 1 << 20;
/// Databases that nothing is restored into.
const SYSTEM: &str = "('information_schema', 'performance_schema', 'mysql', 'sys')";

/// What is to be loaded.
pub(super) struct Load<'a> {
    /// Of one database; of all of them.
    pub database: Option<&'a str>,
    pub table: Option<&'a str>,
    pub functions: bool,
    pub triggers: bool,
}

/// A server that logs statements alone refuses to set a sequence (error 1665), half way through a load.
async fn require_loggable(from: &Connection, live: &Connection, load: &Load<'_>) -> Result<()> {
    let asked = "SELECT @@GLOBAL.log_bin = 1 AND @@GLOBAL.binlog_format = 'STATEMENT'";
    let one = |rows: bulkhead_runtime::Rows| rows.rows.into_iter().next()?.into_iter().next()?;
    if one(live.query(asked, ASK, ANSWER).await?).as_deref() != Some("1") {
        return Ok(());
    }
    let schema = match load.database {
        Some(database) => format!("= {}", text(database)),
        None => format!("NOT IN {SYSTEM}"),
    };
    let counted = format!(
        "SELECT COUNT(*) FROM information_schema.tables WHERE table_type = 'SEQUENCE' AND table_schema {schema}"
    );
    let sequences = one(from.query(&counted, ASK, ANSWER).await?).unwrap_or_default();
    if sequences == "0" {
        return Ok(());
    }
    Err(Failure::unsupported(format!(
        "the server would not let in {sequences} sequences of the backup: it keeps a binary log of statements alone (error 1665)"
    ))
    .with_hint("for the restore: SET GLOBAL binlog_format = 'MIXED'"))
}

/// Fails when the live server would refuse something of what another one holds.
pub(super) async fn check(from: &Connection, live: &Connection, load: &Load<'_>) -> Result<()> {
    require_loggable(from, live, load).await?;
    let asked = "SELECT @@GLOBAL.log_bin, @@GLOBAL.log_bin_trust_function_creators, CURRENT_ROLE(), (SELECT COUNT(*)
        FROM information_schema.user_privileges WHERE privilege_type = 'SUPER' AND grantee = CONCAT('\\'',
        SUBSTRING_INDEX(CURRENT_USER(), '@', 1), '\\'@\\'', SUBSTRING_INDEX(CURRENT_USER(), '@', -1), '\\''))";
    let answer = live.query(asked, ASK, ANSWER).await?.rows.into_iter().next().unwrap_or_default();
    let Ok([logs, trusts, role, may]) = <[Option<String>; 4]>::try_from(answer) else { return Ok(()) };
    if logs.as_deref() != Some("1") || trusts.as_deref() != Some("0") {
        return Ok(());
    }
    let hint = "for the restore: SET GLOBAL log_bin_trust_function_creators = 1";
    let schema = |column: &str| match load.database {
        Some(database) => format!("{column} = {}", text(database)),
        None => format!("{column} NOT IN {SYSTEM}"),
    };
    let mut kinds = Vec::new();
    if load.functions {
        let functions = format!(
            "SELECT CONCAT(routine_schema, '.', routine_name), is_deterministic = 'NO' AND sql_data_access NOT IN ('NO SQL', 'READS SQL DATA')
             FROM information_schema.routines WHERE routine_type = 'FUNCTION' AND {} ORDER BY 1",
            schema("routine_schema")
        );
        let rows = from.query(&functions, ASK, ANSWER).await?.rows;
        let undeclared = rows.iter().filter(|row| row.get(1).is_some_and(|value| value.as_deref() == Some("1")));
        let names: Vec<_> = undeclared.filter_map(|row| row.first()?.clone()).take(NAMED).collect();
        if !names.is_empty() {
            return Err(Failure::unsupported(format!(
                "the server would not let in functions of the backup: {}. They are declared neither DETERMINISTIC nor NO SQL nor \
                 READS SQL DATA, it keeps a binary log, and log_bin_trust_function_creators is off (error 1418)",
                names.join(", ")
            ))
            .with_hint(hint));
        }
        if !rows.is_empty() {
            kinds.push(format!("{} functions", rows.len()));
        }
    }
    if load.triggers {
        let table = load.table.map(|table| format!("AND event_object_table = {}", text(table))).unwrap_or_default();
        let triggers =
            format!("SELECT COUNT(*) FROM information_schema.triggers WHERE {} {table}", schema("trigger_schema"));
        let rows = from.query(&triggers, ASK, ANSWER).await?.rows;
        let number = rows.first().and_then(|row| row.first()?.clone()).unwrap_or_default();
        if number != "0" {
            kinds.push(format!("{number} triggers"));
        }
    }
    // Rights that come by a role the account cannot list itself.
    if kinds.is_empty() || role.is_some() || may.as_deref() != Some("0") {
        return Ok(());
    }
    Err(Failure::denied(format!(
        "the server would not let in {} of the backup: it keeps a binary log, log_bin_trust_function_creators is off, and the \
         service's user lacks SUPER (error 1419)",
        kinds.join(" and ")
    ))
    .with_hint(format!("{hint}, or GRANT SUPER ON *.* TO the service's user")))
}

/// A text as an SQL string.
fn text(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}
