//! Opening the catalog.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bulkhead_model::{Clock, Failure, Result, Timestamp};
use sqlx::any::{AnyPoolOptions, AnyRow, install_default_drivers};
use sqlx::{AnyPool, Executor};
use tokio::sync::Mutex;

use crate::fields::Fields;
use crate::migration;
use crate::rehearsal::Line;
use crate::session::{Session, Sql, bounded, sql};

/// A caller that waits longer for a connection hears that the catalog is not available.
const ACQUIRE_DEADLINE: Duration = Duration::from_secs(15);
/// SQLite: one writer besides some readers. PostgreSQL: per host.
const CONNECTIONS: u32 = 10;

/// Run on every new connection. WAL lets readers go on beside the writer; FULL makes a commit survive a power cut.
const SQLITE_SESSION: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 10000;
    PRAGMA foreign_keys = ON";
/// A claim looks again after it holds the service's lock: each statement must see what others have committed. The
/// timeouts keep a host that hangs from holding rows: others wait for them to claim jobs.
const POSTGRES_SESSION: &str = "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED;
    SET statement_timeout = '30s'; SET idle_in_transaction_session_timeout = '10s'";

/// The catalog of one deployment. Cheap to clone.
#[derive(Clone)]
pub struct Catalog {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) pool: AnyPool,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) engine: Engine,
    /// SQLite has one writer at a time and no queue for it. This is the queue; no other process writes the file.
    pub(crate) turn: Arc<Mutex<()>>,
    /// What stands between this host and the database in a test; nothing otherwise.
    pub(crate) line: Option<Arc<dyn Line>>,
    /// Held as long as the catalog is open: two hosts on one SQLite file would each run every job.
    pub(crate) _lock: Option<File>,
}

/// The database beneath.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

impl Catalog {
    /// Opens `sqlite:<path>` (made when missing) or `postgres://...` and brings its tables up to date.
    ///
    /// # Errors
    /// `invalid` for another kind of address, `conflict` when another host has the SQLite file open, `unavailable`
    /// when the database cannot be reached, `internal` when its tables are not ours.
    pub async fn open(url: &str, clock: Arc<dyn Clock>) -> Result<Self> {
        install_default_drivers();
        let (engine, url, lock) = if let Some(path) = url.strip_prefix("sqlite:") {
            let path = database_file(path)?;
            let lock = lock_file(&path)?;
            (Engine::Sqlite, sqlite_url(&path)?, Some(lock))
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            (Engine::Postgres, url.to_owned(), None)
        } else {
            return Err(Failure::invalid("the catalog's url names no database that can hold it")
                .with_hint("use `sqlite:data/catalog.db` or `postgres://user@host/database`"));
        };
        let session = match engine {
            Engine::Sqlite => SQLITE_SESSION,
            Engine::Postgres => POSTGRES_SESSION,
        };
        migration::run(&url).await?;
        let options = AnyPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(ACQUIRE_DEADLINE)
            .after_connect(move |connection, _| {
                Box::pin(async move { connection.execute(sqlx::raw_sql(session)).await.map(|_| ()) })
            });
        let pool = bounded("connecting", options.connect(&url)).await?;
        tracing::debug!(engine = ?engine, "catalog opened");
        let inner = Inner { pool, clock, engine, turn: Arc::default(), line: None, _lock: lock };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// `unavailable` when it does not.
    pub async fn ping(&self) -> Result<()> {
        self.rows(sql("SELECT value FROM counters")).await.map(|_| ())
    }

    /// Ends all connections, after what runs on them has ended. A SQLite file is free for another host once the last
    /// clone is gone.
    pub async fn close(&self) {
        self.inner.pool.close().await;
    }

    /// The present instant by the clock of the database, where that is a server of its own.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn database_now(&self) -> Result<Option<Timestamp>> {
        match self.inner.engine {
            Engine::Sqlite => Ok(None),
            Engine::Postgres => {
                let query = sql("SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT) AS now_us");
                self.rows(query).await?.first().map(|row| Fields(row).time("now_us")).transpose()
            }
        }
    }

    /// The present instant by the catalog's clock.
    pub(crate) fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// Starts a transaction that writes.
    pub(crate) async fn begin(&self) -> Result<Session> {
        let call = match &self.inner.line {
            Some(line) => Some(line.ask(true).await?),
            None => None,
        };
        let (turn, statement) = match self.inner.engine {
            // IMMEDIATE: a transaction that began as a reader cannot always become a writer.
            Engine::Sqlite => (Some(Arc::clone(&self.inner.turn).lock_owned().await), "BEGIN IMMEDIATE"),
            Engine::Postgres => (None, "BEGIN"),
        };
        let transaction = bounded("starting a transaction", self.inner.pool.begin_with(statement)).await?;
        Ok(Session::new(transaction, turn, self.inner.engine, self.now(), call))
    }

    /// Runs one reading statement.
    pub(crate) async fn rows(&self, query: Sql<'_>) -> Result<Vec<AnyRow>> {
        let _call = match &self.inner.line {
            Some(line) => Some(line.ask(false).await?),
            None => None,
        };
        bounded("reading", query.fetch_all(&self.inner.pool)).await
    }
}

/// The file meant by what follows `sqlite:`, its folder made and resolved, so that every spelling finds the same lock.
fn database_file(text: &str) -> Result<PathBuf> {
    let text = text.strip_prefix("//").unwrap_or(text);
    if text.contains('?') || text.contains(":memory:") || text.is_empty() {
        return Err(Failure::invalid("the catalog's url must be `sqlite:` and the path of a file, nothing more"));
    }
    let path = std::path::absolute(text).map_err(|error| unusable(Path::new(text), &error))?;
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(Failure::invalid("the catalog's url must name a file"));
    };
    std::fs::create_dir_all(folder).map_err(|error| unusable(&path, &error))?;
    let folder = folder.canonicalize().map_err(|error| unusable(&path, &error))?;
    Ok(folder.join(name))
}

/// Makes the database file, for this user's eyes only, and takes the lock beside it.
fn lock_file(path: &Path) -> Result<File> {
    let open = |path: &Path| {
        OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(path)
            .map_err(|error| unusable(path, &error))
    };
    let mut beside = path.as_os_str().to_owned();
    beside.push(".lock");
    let lock = open(Path::new(&beside))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(Failure::conflict(format!("the catalog `{}` is open in another host", path.display()))
                .with_hint("stop that host, or use PostgreSQL to run several hosts on one catalog"));
        }
        Err(TryLockError::Error(error)) => return Err(unusable(path, &error)),
    }
    open(path)?;
    Ok(lock)
}

fn unusable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::unavailable(format!("the catalog `{}` cannot be opened: {error}", path.display())).with_retry(false)
}

pub(crate) fn sqlite_url(path: &Path) -> Result<String> {
    let Some(text) = path.to_str() else {
        return Err(Failure::invalid(format!("the catalog's path `{}` is not UTF-8", path.display())));
    };
    // These three mean something in an address; sqlx undoes the encoding.
    let text = text.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    Ok(format!("sqlite://{text}"))
}
