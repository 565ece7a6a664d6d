//! Which local time a server has. `@@system_time_zone` says no more than `CET`, so the offsets themselves are asked for.

use std::time::Duration;

use bulkhead_model::{Failure, LocalTime, Result};
use bulkhead_runtime::Connection;

/// One question.
const ASK: Duration = Duration::from_secs(10);
/// Far more than the answer to one.
const ANSWER: u64 = 1 << 20;
/// Seconds from 1970 until the end of SQL's type TIMESTAMP.
const SECONDS: i64 = i32::MAX as i64;
/// Seconds between two samples: no zone has changed twice in so short a time.
const WEEK: i64 = 7 * 86_400;
/// Into how many parts the time of a change is cut with one question.
const PARTS: i64 = 64;
/// More changes than any zone has.
const CHANGES_MAX: usize = 600;

/// Asks a server, whose `time_zone` may be set to another.
///
/// # Errors
/// As [`Connection::query`]; `unsupported` for an answer that is not a local time.
pub(super) async fn ask(server: &Connection) -> Result<LocalTime> {
    let first = rows(server, "SELECT 0, TIMESTAMPDIFF(SECOND, '1970-01-01 00:00:00', FROM_UNIXTIME(0))").await?;
    let first = first.first().map_or(0, |(_, offset)| *offset);
    let (mut changes, mut width) = (changes(server, &[0], SECONDS, WEEK).await?, WEEK);
    while width > 1 {
        if changes.len() > CHANGES_MAX {
            return Err(Failure::unsupported("the server's local time changes more often than any zone's"));
        }
        let before: Vec<i64> = changes.iter().map(|(found, _)| found - width).collect();
        let step = (width + PARTS - 1) / PARTS;
        let found = self::changes(server, &before, width, step).await?;
        if found.len() != changes.len() {
            return Err(Failure::unsupported("the server's local time changes twice within a week"));
        }
        (changes, width) = (found, step);
    }
    let offsets = std::iter::once((0, first)).chain(changes);
    LocalTime::new(offsets.collect()).map_err(Failure::unsupported)
}

/// The samples, one for each `step` seconds, at which the offset is another than at the one before it: in the `width` seconds after each
/// of these.
async fn changes(server: &Connection, after: &[i64], width: i64, step: i64) -> Result<Vec<(i64, i32)>> {
    if after.is_empty() {
        return Ok(Vec::new());
    }
    let union = |values: Vec<String>| values.join(" UNION ALL ");
    let digits = union((0..10).map(|digit| format!("SELECT {digit} AS d")).collect());
    let begins = union(after.iter().map(|begin| format!("SELECT {begin} AS b")).collect());
    let last = (width + step - 1) / step;
    let (numbers, tables) = if last < 100 {
        ("x.d + 10 * y.d", format!("({digits}) x, ({digits}) y"))
    } else {
        ("x.d + 10 * y.d + 100 * z.d + 1000 * w.d", format!("({digits}) x, ({digits}) y, ({digits}) z, ({digits}) w"))
    };
    let sql = format!(
        "SELECT n, off FROM (
           SELECT n, off, LAG(off) OVER (PARTITION BY b ORDER BY n) AS earlier FROM (
             SELECT b, n, TIMESTAMPDIFF(SECOND, '1970-01-01 00:00:00', FROM_UNIXTIME(n)) - n AS off FROM (
               SELECT b, b + LEAST(k * {step}, {width}) AS n FROM ({begins}) begins, (
                 SELECT {numbers} AS k FROM {tables}
               ) numbers WHERE k <= {last}
             ) samples
           ) offs
         ) pairs WHERE earlier <> off ORDER BY n"
    );
    rows(server, &sql).await
}

async fn rows(server: &Connection, select: &str) -> Result<Vec<(i64, i32)>> {
    let sql = format!("SET STATEMENT time_zone = 'SYSTEM' FOR {select}");
    let answer = server.query(&sql, ASK, ANSWER).await?;
    let read = |row: &Vec<Option<String>>| match row.as_slice() {
        [Some(at), Some(offset)] => Some((at.parse().ok()?, offset.parse().ok()?)),
        _ => None,
    };
    let pairs: Option<Vec<_>> = answer.rows.iter().map(read).collect();
    pairs.ok_or_else(|| Failure::unsupported("the server does not say how far its local time is from UTC"))
}
