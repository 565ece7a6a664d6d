//! Catalogs of tests that play several hosts at once: one database that need not last, and for each host a clock and a line of its own.
//!
//! Always compiled in: what is tested is what runs. A catalog without a line pays one comparison for each call.

use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

use bulkhead_model::{Clock, Failure, Result, Timestamp};
use sqlx::any::{AnyPoolOptions, install_default_drivers};
use sqlx::{AssertSqlSafe, Executor};

use crate::catalog::{Catalog, Engine, Inner, sqlite_url};
use crate::fields::Fields;
use crate::migration;
use crate::session::{bounded, sql};

const SESSION: &str = "PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; PRAGMA temp_store = MEMORY;
    PRAGMA foreign_keys = ON";

/// What comes sooner or later.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// The way from a host to the catalog's database and back. A call may be held up there, or be lost in either direction.
pub trait Line: Send + Sync {
    /// A transaction (`writes`) or a single reading statement is about to begin. A failure keeps it from happening.
    fn ask(&self, writes: bool) -> Later<'_, Box<dyn Call>>;
}

/// One call on a [`Line`], dropped when it is over.
pub trait Call: Send + Sync {
    /// The transaction is durable. A failure loses the answer only.
    fn answer(&mut self) -> Later<'_, ()>;
}

/// One row, as far as a test of the whole looks at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// `backup`, `copy`, `job`, `attempt` or `schedule`.
    pub noun: String,
    /// Its id; of a copy the backup's.
    pub id: String,
    /// Its state; of a schedule its expression.
    pub state: String,
    /// Of a backup and a copy: the job. Of a job: the backup. Of an attempt: the job.
    pub about: Option<String>,
    /// The target; of an attempt the host.
    pub place: Option<String>,
    /// Of a backup: its manifest's digest. Of a job: its kind.
    pub word: Option<String>,
    /// Of a job: not to be run before. Of an attempt: until when it is leased. Of a schedule: when it is due next. Otherwise: when it was
    /// asked for.
    pub at: Option<Timestamp>,
    /// Of a job: attempts made. Of an attempt: its number. Of a schedule: its fires.
    pub number: i64,
    /// Of a job: the schedule that asked for it.
    pub by: Option<String>,
}

impl Seen {
    fn from_line(line: &str) -> Result<Self> {
        let malformed = || Failure::internal(format!("malformed: {line}"));
        let fields: Vec<&str> = line.split('\t').collect();
        let [noun, id, state, about, place, word, at, number, by] = fields[..] else { return Err(malformed()) };
        let optional = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let micros = optional(at).map(|at| at.parse().map_err(|_| malformed())).transpose()?;
        Ok(Self {
            noun: noun.to_owned(),
            id: id.to_owned(),
            state: state.to_owned(),
            about: optional(about),
            place: optional(place),
            word: optional(word),
            at: micros.map(Timestamp::from_micros),
            number: number.parse().map_err(|_| malformed())?,
            by: optional(by),
        })
    }
}

#[doc(hidden)]
impl Catalog {
    /// An empty catalog in a new file that nobody else opens, and that need not outlive the process: nothing waits for the disk.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn rehearse(path: &Path, clock: Arc<dyn Clock>) -> Result<Self> {
        install_default_drivers();
        let options = AnyPoolOptions::new().max_connections(1).idle_timeout(None).max_lifetime(None);
        let options = options.test_before_acquire(false);
        let options = options.after_connect(|connection, _| {
            Box::pin(async move { connection.execute(sqlx::raw_sql(SESSION)).await.map(|_| ()) })
        });
        let url = format!("{}?mode=rwc", sqlite_url(path)?);
        let pool = bounded("connecting", options.connect(&url)).await?;
        migration::apply(&mut *bounded("connecting", pool.acquire()).await?).await?;
        let (turn, engine) = (Arc::default(), Engine::Sqlite);
        Ok(Self { inner: Arc::new(Inner { pool, clock, engine, turn, line: None, _lock: None }) })
    }

    /// The same database as another host sees it.
    #[must_use]
    pub fn of_host(&self, clock: Arc<dyn Clock>, line: Arc<dyn Line>) -> Self {
        let (pool, turn) = (self.inner.pool.clone(), Arc::clone(&self.inner.turn));
        let inner = Inner { pool, clock, engine: self.inner.engine, turn, line: Some(line), _lock: None };
        Self { inner: Arc::new(inner) }
    }

    /// Makes a catalog of [`rehearse`](Self::rehearse) as it was made.
    ///
    /// # Errors
    /// `conflict` for any other.
    pub async fn forget_all(&self) -> Result<()> {
        if self.inner.engine != Engine::Sqlite || self.inner._lock.is_some() {
            return Err(Failure::conflict("only a catalog of a test can be forgotten"));
        }
        let tables =
            sql("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_sqlx%' ESCAPE '\\'");
        let mut text = "PRAGMA foreign_keys = OFF;".to_owned();
        for row in &self.rows(tables).await? {
            match Fields(row).text("name")?.as_str() {
                "counters" => text.push_str("UPDATE counters SET value = 0;"),
                table => text.push_str(&format!("DELETE FROM {table};")),
            }
        }
        text.push_str("PRAGMA foreign_keys = ON");
        let forgotten = self.inner.pool.execute(sqlx::raw_sql(AssertSqlSafe(text)));
        bounded("forgetting", forgotten).await.map(|_| ())
    }

    /// Everything that a test of the whole looks at, at one instant.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn look_at_all(&self) -> Result<Vec<Seen>> {
        // One text: rows cost more than what is in them.
        let query =
            sql("SELECT group_concat(noun || char(9) || id || char(9) || state || char(9) || COALESCE(about, '')
                 || char(9) || COALESCE(place, '') || char(9) || COALESCE(word, '') || char(9) || COALESCE(at_us, '')
                 || char(9) || number || char(9) || COALESCE(made_by, ''), char(10)) AS lines FROM (
             SELECT 'backup' AS noun, id, state, job AS about, target AS place, manifest_sha256 AS word,
                 created_at_us AS at_us, 0 AS number, NULL AS made_by FROM backups
             UNION ALL SELECT 'copy', backup, state, job, target, NULL, created_at_us, 0, NULL FROM backup_copies
             UNION ALL SELECT 'job', id, state, backup, target, kind, run_after_us, attempts_made, schedule FROM jobs
             UNION ALL SELECT 'attempt', id, state, job, host, NULL, lease_until_us, number, NULL FROM attempts
             UNION ALL SELECT 'schedule', id, expression, NULL, NULL, NULL, next_due_at_us, fires, NULL
                 FROM schedules WHERE expression <> 'once' AND deleted = 0)");
        let rows = self.rows(query).await?;
        let lines = rows.first().map(|row| Fields(row).optional_text("lines")).transpose()?.flatten();
        lines.iter().flat_map(|lines| lines.lines()).map(Seen::from_line).collect()
    }
}
