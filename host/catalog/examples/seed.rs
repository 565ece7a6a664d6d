//! Fills an empty catalog for the benchmarks: `seed URL BACKUPS SCHEDULES DUE FIRST_DUE_IN_SECONDS`.
//!
//! All of it belongs to the organization `acme`. `DUE` of the schedules fire within one minute, the others a day later;
//! when each of them should fire is kept in the table `bench_due`, which is no part of a catalog.

use std::sync::Arc;

use bulkhead_catalog::Catalog;
use bulkhead_model::{Clock, SystemClock};
use sqlx::any::install_default_drivers;
use sqlx::{AnyConnection, AssertSqlSafe, Connection, Executor};

const SERVICES: u64 = 1_000;
/// Rows of one statement: each is one transaction.
const BATCH: u64 = 250_000;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

#[tokio::main]
async fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, backups, schedules, due, first] = arguments.as_slice() else {
        return Err("usage: seed URL BACKUPS SCHEDULES DUE FIRST_DUE_IN_SECONDS".into());
    };
    let (backups, schedules, due, first): (u64, u64, u64, u64) =
        (backups.parse()?, schedules.parse()?, due.parse()?, first.parse()?);
    let clock = Arc::new(SystemClock);
    // Makes the tables.
    let catalog = Catalog::open(url, clock.clone()).await?;
    install_default_drivers();
    let mut database = AnyConnection::connect(&url.replacen("sqlite:", "sqlite://", 1)).await?;
    let dialect = if url.starts_with("sqlite") { Dialect::Sqlite } else { Dialect::Postgres };
    let now = clock.now().as_micros();
    let mut fill = async |rows: u64, insert: &dyn Fn(u64, u64) -> String| -> Outcome<()> {
        for from in (0..rows).step_by(usize::try_from(BATCH)?) {
            let to = rows.min(from + BATCH) - 1;
            database.execute(sqlx::raw_sql(AssertSqlSafe(insert(from, to)))).await?;
        }
        Ok(())
    };
    // One a second, the newest first; nine of ten succeeded.
    fill(backups, &|from, to| {
        format!(
            "INSERT INTO backups (id, organization, service, method, engine, target, state, job, plain_bytes,
                 stored_bytes, created_at_us, started_at_us, finished_at_us)
             SELECT {id} || ':s' || (n % {SERVICES}) || ':db-0', 'acme', 's' || (n % {SERVICES}), 'full', 'mariadb',
                 'managed', CASE WHEN n % 10 = 0 THEN 'failed' ELSE 'succeeded' END, {id}, 5327326, 1327326,
                 {now} - n * 1000000, {now} - n * 1000000, {now} - n * 1000000 + 4000000
             FROM {numbers}",
            id = dialect.hex(),
            numbers = dialect.numbers(from, to)
        )
    })
    .await?;
    fill(schedules, &|from, to| {
        // The first ones fire within the minute, evenly; the others tomorrow.
        let fire = format!(
            "CASE WHEN n < {due} THEN {now} + {first} * 1000000 + n * (60000000 / {per}) ELSE {now} + 86400000000 + n END",
            per = due.max(1)
        );
        format!(
            "INSERT INTO schedules (id, organization, service, method, expression, target, state, created_at_us, engine,
                 server, next_due_at_us, next_fire_at_us)
             SELECT n + 1, 'acme', 's' || n, 'full', '0 3 * * *', 'managed', 'scheduled', {now}, 'mariadb', 'db-0',
                 {fire}, {fire} FROM {numbers}",
            numbers = dialect.numbers(from, to)
        )
    })
    .await?;
    database
        .execute(sqlx::raw_sql(AssertSqlSafe(format!(
            "UPDATE counters SET value = {schedules} WHERE name = 'schedule';
             CREATE TABLE bench_due AS SELECT id, next_fire_at_us AS fire_at_us FROM schedules WHERE id <= {due};
             ANALYZE"
        ))))
        .await?;
    catalog.recount().await?;
    Ok(())
}

#[derive(Clone, Copy)]
enum Dialect {
    Sqlite,
    Postgres,
}

impl Dialect {
    /// 32 hexadecimal digits that differ.
    fn hex(self) -> &'static str {
        match self {
            Self::Sqlite => "printf('%032x', n)",
            Self::Postgres => "md5(n::text)",
        }
    }

    /// A table of the numbers `n`.
    fn numbers(self, from: u64, to: u64) -> String {
        match self {
            Self::Sqlite => format!(
                "(WITH RECURSIVE numbers (n) AS (SELECT {from} UNION ALL SELECT n + 1 FROM numbers WHERE n < {to})
                  SELECT n FROM numbers)"
            ),
            Self::Postgres => format!("generate_series({from}::BIGINT, {to}::BIGINT) AS numbers (n)"),
        }
    }
}
