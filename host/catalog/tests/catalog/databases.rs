//! Databases for the tests: a SQLite file, and a PostgreSQL server started once for the test binary.

use std::future::Future;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use bulkhead_test_support::PostgreSql;
use sqlx::postgres::PgConnection;
use sqlx::{AnyConnection, AssertSqlSafe, Connection, Executor, Row};

/// An empty database of its own.
pub struct Database {
    pub url: String,
    _folder: tempfile::TempDir,
}

impl Database {
    pub fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { url: format!("sqlite:{}", folder.path().join("new/catalog.db").display()), _folder: folder }
    }

    pub async fn postgres() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("t{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let server = server();
        let mut admin = PgConnection::connect(&server.url("postgres")).await.unwrap();
        // A collation for people, which treats punctuation and case unlike SQLite does: nothing may depend on it.
        let sql = format!(
            "CREATE DATABASE {name} TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US' STRATEGY file_copy"
        );
        admin.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await.unwrap();
        admin.close().await.unwrap();
        Self { url: server.url(&name), _folder: tempfile::tempdir().unwrap() }
    }

    /// Runs a statement past the catalog.
    pub async fn execute(&self, statement: &str) -> u64 {
        let mut connection = AnyConnection::connect(&self.url).await.unwrap();
        let changed =
            connection.execute(sqlx::raw_sql(AssertSqlSafe(statement.to_owned()))).await.unwrap().rows_affected();
        connection.close().await.unwrap();
        changed
    }

    /// Reads a text and a number of each row, past the catalog.
    pub async fn rows(&self, statement: &'static str) -> Vec<(String, i64)> {
        let mut connection = AnyConnection::connect(&self.url).await.unwrap();
        let rows = connection.fetch_all(statement).await.unwrap();
        connection.close().await.unwrap();
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    }

    /// How SQLite would run a statement, one line a step.
    pub async fn explain(&self, statement: &str) -> Vec<String> {
        let mut connection = AnyConnection::connect(&self.url).await.unwrap();
        let text = format!("EXPLAIN QUERY PLAN {statement}");
        let steps = connection.fetch_all(sqlx::raw_sql(AssertSqlSafe(text))).await.unwrap();
        connection.close().await.unwrap();
        steps.iter().map(|step| step.get("detail")).collect()
    }

    pub fn is_sqlite(&self) -> bool {
        self.url.starts_with("sqlite")
    }
}

/// Runs a test on both databases.
pub fn on_both<F: Future<Output = ()>>(test: impl Fn(Database) -> F) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    println!("on SQLite");
    runtime.block_on(async { test(Database::sqlite()).await });
    println!("on PostgreSQL");
    runtime.block_on(async { test(Database::postgres().await).await });
}

/// One PostgreSQL server for the test binary. A static is not dropped: the server ends when this process does.
fn server() -> &'static PostgreSql {
    static SERVER: OnceLock<PostgreSql> = OnceLock::new();
    SERVER.get_or_init(|| PostgreSql::start_in_memory().unwrap())
}
