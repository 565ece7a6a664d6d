//! Running SQL: transactions, deadlines, and what a database error means to the caller.

use std::future::Future;
use std::time::Duration;

use bulkhead_model::{Failure, FailureKind, Result, Timestamp};
use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::Query;
use sqlx::{Any, AssertSqlSafe, Transaction};
use tokio::sync::OwnedMutexGuard;

use crate::catalog::Engine;
use crate::count::Counts;
use crate::rehearsal::Call;

/// A statement with its values bound.
pub(crate) type Sql<'q> = Query<'q, Any, AnyArguments>;

/// Longer than the database's own deadline for a statement, so that its answer is usually heard.
const DEADLINE: Duration = Duration::from_secs(40);

/// A statement without parts made at run time.
pub(crate) fn sql<'q>(text: &'static str) -> Sql<'q> {
    sqlx::query(text)
}

/// A statement put together from constants of this crate: words of states, clauses, `$n`. Values are always bound.
pub(crate) fn sql_of_parts<'q>(text: String) -> Sql<'q> {
    sqlx::query(AssertSqlSafe(text))
}

/// `'a', 'b'`: words for `IN (...)`, from the `as_str` of states.
pub(crate) fn words<'w>(words: impl IntoIterator<Item = &'w str>) -> String {
    let quoted: Vec<String> = words.into_iter().map(|word| format!("'{word}'")).collect();
    quoted.join(", ")
}

/// `($1, $2), ($3, $4)`: places for the values of some rows.
pub(crate) fn places(rows: usize, columns: usize) -> String {
    let row = |row: usize| {
        let places: Vec<String> = (1..=columns).map(|column| format!("${}", row * columns + column)).collect();
        format!("({})", places.join(", "))
    };
    let rows: Vec<String> = (0..rows).map(row).collect();
    rows.join(", ")
}

/// Rows for one statement each: by powers of two, so that few different statements are prepared, and few enough for the
/// values that a statement takes.
pub(crate) fn batches<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let size = 1 << rows.len().min(BATCH).checked_ilog2()?;
        let (batch, rest) = rows.split_at(size);
        rows = rest;
        Some(batch)
    })
}

/// Times some twenty columns; SQLite takes 32,766 values.
const BATCH: usize = 256;

/// A transaction that writes. Dropped without [`commit`](Self::commit), nothing has happened.
pub(crate) struct Session {
    transaction: Transaction<'static, Any>,
    engine: Engine,
    now: Timestamp,
    /// What the transaction changes in the totals of lists; written with the commit.
    pub(crate) counts: Counts,
    call: Option<Box<dyn Call>>,
    // After the transaction: the turn passes on when the connection is free again.
    _turn: Option<OwnedMutexGuard<()>>,
}

impl Session {
    pub(crate) fn new(
        transaction: Transaction<'static, Any>,
        turn: Option<OwnedMutexGuard<()>>,
        engine: Engine,
        now: Timestamp,
        call: Option<Box<dyn Call>>,
    ) -> Self {
        Self { transaction, engine, now, counts: Counts::default(), call, _turn: turn }
    }

    /// When the transaction began; all its rows carry this time.
    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    /// Whether nothing changes beside this transaction: what it has read stays true.
    pub(crate) fn is_alone(&self) -> bool {
        matches!(self.engine, Engine::Sqlite)
    }

    /// Locks the selected rows until the end. SQLite has locked everything already.
    ///
    /// As an UPDATE does, and no more: no key ever changes, and who changes a row twice in one transaction has PostgreSQL
    /// look once more whether what it refers to is there, for which it waits when that is locked against deletion.
    pub(crate) fn for_update(&self) -> &'static str {
        match self.engine {
            Engine::Sqlite => "",
            Engine::Postgres => " FOR NO KEY UPDATE",
        }
    }

    /// Locks the selected rows, passing over those that others have locked.
    pub(crate) fn for_update_skipping(&self) -> &'static str {
        match self.engine {
            Engine::Sqlite => "",
            Engine::Postgres => " FOR NO KEY UPDATE SKIP LOCKED",
        }
    }

    /// Keeps others from writing to a table until the end. SQLite has locked everything already.
    pub(crate) async fn exclude_writers(&mut self, table: &'static str) -> Result<()> {
        match self.engine {
            Engine::Sqlite => Ok(()),
            Engine::Postgres => {
                self.execute(sql_of_parts(format!("LOCK TABLE {table} IN EXCLUSIVE MODE"))).await.map(|_| ())
            }
        }
    }

    /// All rows that a statement gives.
    pub(crate) async fn rows(&mut self, query: Sql<'_>) -> Result<Vec<AnyRow>> {
        bounded("a query", query.fetch_all(&mut *self.transaction)).await
    }

    /// The first row. The statement runs to its end in any case: one with RETURNING must.
    pub(crate) async fn row(&mut self, query: Sql<'_>) -> Result<Option<AnyRow>> {
        Ok(self.rows(query).await?.into_iter().next())
    }

    /// Runs a statement; answers how many rows it changed.
    pub(crate) async fn execute(&mut self, query: Sql<'_>) -> Result<u64> {
        Ok(bounded("a query", query.execute(&mut *self.transaction)).await?.rows_affected())
    }

    /// Runs a statement that must change exactly one row.
    pub(crate) async fn execute_one(&mut self, what: &str, query: Sql<'_>) -> Result<()> {
        match self.execute(query).await? {
            1 => Ok(()),
            rows => Err(Failure::internal(format!("{what} changed {rows} rows of the catalog instead of one"))),
        }
    }

    /// Makes it all durable.
    pub(crate) async fn commit(mut self) -> Result<()> {
        std::mem::take(&mut self.counts).write(&mut self).await?;
        let Self { transaction, call, _turn: turn, .. } = self;
        bounded("a commit", transaction.commit()).await?;
        // Others need not wait for an answer that is on its way.
        drop(turn);
        match call {
            Some(mut call) => call.answer().await,
            None => Ok(()),
        }
    }
}

/// Awaits the database within the deadline.
pub(crate) async fn bounded<T>(what: &str, work: impl Future<Output = sqlx::Result<T>>) -> Result<T> {
    match tokio::time::timeout(DEADLINE, work).await {
        Ok(outcome) => outcome.map_err(|error| failure_of(what, error)),
        Err(_) => Err(Failure::unavailable(format!("{what}: the catalog's database did not answer in time"))),
    }
}

/// What a database error means to the caller. The text of the error goes to operators; the API hides it.
pub(crate) fn failure_of(what: &str, error: sqlx::Error) -> Failure {
    use sqlx::Error;
    match &error {
        Error::Io(_)
        | Error::Tls(_)
        | Error::PoolTimedOut
        | Error::PoolClosed
        | Error::WorkerCrashed
        | Error::BeginFailed => {
            Failure::unavailable(format!("{what}: the catalog's database cannot be reached: {error}"))
        }
        Error::Database(database) => {
            let code = database.code().unwrap_or_default();
            let message = format!("{what}: the catalog's database says: {}", database.message());
            match trouble_of(&code) {
                Trouble::Passing => Failure::unavailable(message),
                Trouble::Full => Failure::unavailable(message).with_hint("free space on the catalog's disk"),
                Trouble::Damaged => Failure::new(FailureKind::Corrupt, message)
                    .with_hint("restore the catalog's database, or rebuild it from the targets"),
                Trouble::Lasting => Failure::internal(message),
            }
        }
        // The text of a configuration error may quote the address, and with it a password.
        Error::Configuration(_) => Failure::invalid("the catalog's url is malformed"),
        _ => Failure::internal(format!("{what}: {error}")),
    }
}

enum Trouble {
    Passing,
    Full,
    Damaged,
    Lasting,
}

/// SQLSTATE has five characters; SQLite's (extended) result codes are shorter, or numbers below 10000.
fn trouble_of(code: &str) -> Trouble {
    if code.len() == 5 {
        return match code {
            // Serialization, deadlock, lock and statement timeouts; shutting down; too many connections.
            "40001" | "40P01" | "55P03" | "57014" | "57P01" | "57P02" | "57P03" | "53300" | "25P03" => Trouble::Passing,
            "53100" => Trouble::Full,
            "XX001" | "XX002" => Trouble::Damaged,
            _ if code.starts_with("08") => Trouble::Passing,
            _ => Trouble::Lasting,
        };
    }
    // The primary code is in the low byte: 5 busy, 6 locked, 10 input/output, 11 corrupt, 13 full, 26 not a database.
    match code.parse::<u32>().map(|code| code & 0xff) {
        Ok(5 | 6 | 10) => Trouble::Passing,
        Ok(13) => Trouble::Full,
        Ok(11 | 26) => Trouble::Damaged,
        _ => Trouble::Lasting,
    }
}
