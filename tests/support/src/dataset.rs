//! What is backed up: one of everything, and bulk.

pub mod surrealdb;

use std::thread;

use crate::mariadb::MariaDb;
use crate::problem::Result;

/// How large the largest values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Values up to 1 MB: loads in under a second.
    Small,
    /// A blob and a text of 64 MB each.
    Full,
}

const SCRIPTS: &[&str] = &[
    include_str!("dataset/types.sql"),
    include_str!("dataset/tables.sql"),
    include_str!("dataset/names.sql"),
    include_str!("dataset/objects.sql"),
    include_str!("dataset/users.sql"),
];

/// Fills an empty server with every common type and every kind of object.
pub fn load(server: &MariaDb, scale: Scale) -> Result<()> {
    let quick = Hurried::begin(server)?;
    // Sequences cannot be logged as statements, on a server that logs nothing else.
    let mixed = "SET SESSION binlog_format = 'MIXED';";
    for script in SCRIPTS {
        server.execute(&format!("{mixed}\n{script}"))?;
    }
    if server.encrypted() {
        server.execute(include_str!("dataset/encrypted.sql"))?;
    }
    let megabytes = match scale {
        Scale::Small => 1,
        Scale::Full => 64,
    };
    // Random blocks of 1 KiB, repeated; text of 16 bytes with a character beyond the BMP.
    server.execute(&format!(
        "{mixed} INSERT INTO shop.bytes (id, large) VALUES (3, REPEAT(RANDOM_BYTES(1024), {megabytes} * 1024));
         INSERT INTO shop.bytes (id, story) VALUES (4, REPEAT('ab\u{1F600}cdefghij\u{fc}', {megabytes} * 65536));"
    ))?;
    quick.end()
}

/// Fills the database `bulk` with rows that compress about as a shop's do (2 to 3 times), about `bytes` on disk.
pub fn bulk(server: &MariaDb, bytes: u64) -> Result<()> {
    let quick = Hurried::begin(server)?;
    server.execute(include_str!("dataset/bulk.sql"))?;
    // Two tables side by side: few long rows, many short ones. The divisors are bytes a row takes on disk, measured.
    let documents = || fill(server, DOCUMENTS, bytes * 3 / 5 / 2_440);
    let orders = || fill(server, ORDERS, bytes * 2 / 5 / 232);
    thread::scope(|scope| {
        let orders = scope.spawn(orders);
        documents()?;
        orders.join().unwrap_or(Ok(()))
    })?;
    quick.end()
}

/// Drops every database and account that [`load`] and [`bulk`] made, and whatever else is not the server's own.
pub fn destroy(server: &MariaDb) -> Result<()> {
    let drops = server.query(
        "SELECT CONCAT('DROP DATABASE `', REPLACE(schema_name, '`', '``'), '`') FROM information_schema.schemata
           WHERE schema_name NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema');
         SELECT CONCAT('DROP ROLE `', REPLACE(user, '`', '``'), '`') FROM mysql.user WHERE is_role = 'Y';
         SELECT CONCAT('DROP USER `', REPLACE(user, '`', '``'), '`@`', host, '`') FROM mysql.user
           WHERE is_role = 'N' AND user NOT IN ('root', 'mariadb.sys', 'bulkhead_backup', 'bulkhead_admin')",
    )?;
    let drops: Vec<String> = drops.into_iter().flatten().collect();
    server.execute(&format!("SET foreign_key_checks = 0;\n{};\n", drops.join(";\n")))
}

const DOCUMENTS: &str = "INSERT INTO bulk.documents (title, body)
    SELECT CONCAT('document ', s.seq), CONCAT(a.words, ' ', TO_BASE64(RANDOM_BYTES(800)), ' ', b.words)
    FROM seq_{FROM}_to_{TO} s
    JOIN bulk.paragraphs a ON a.id = 1 + s.seq MOD 8000 JOIN bulk.paragraphs b ON b.id = 1 + (s.seq * 7 + 3) MOD 8000;";
const ORDERS: &str = "INSERT INTO bulk.orders (customer, status, placed, amount, email, note, reference)
    SELECT 1 + FLOOR(RAND() * 50000), 1 + s.seq MOD 4, '2020-01-01' + INTERVAL s.seq SECOND, ROUND(RAND() * 1000, 2),
      CONCAT('customer', s.seq MOD 50000, '@example-', s.seq MOD 97, '.org'), LEFT(a.words, 80), MD5(s.seq)
    FROM seq_{FROM}_to_{TO} s JOIN bulk.paragraphs a ON a.id = 1 + s.seq MOD 8000;";

/// Inserts rows 1 to `rows` in transactions of moderate size.
fn fill(server: &MariaDb, insert: &str, rows: u64) -> Result<()> {
    let mut statements = String::from("USE bulk; SET sql_log_bin = 0, unique_checks = 0, foreign_key_checks = 0;\n");
    let step = 200_000;
    for from in (1..=rows.max(1)).step_by(step) {
        let to = (from + step as u64 - 1).min(rows.max(1));
        statements.push_str(&insert.replace("{FROM}", &from.to_string()).replace("{TO}", &to.to_string()));
        statements.push('\n');
    }
    server.execute(&statements)
}

/// Commits are not synced while data is loaded.
struct Hurried<'a>(&'a MariaDb);

impl<'a> Hurried<'a> {
    fn begin(server: &'a MariaDb) -> Result<Self> {
        server.execute("SET GLOBAL innodb_flush_log_at_trx_commit = 0, GLOBAL sync_binlog = 0;")?;
        Ok(Self(server))
    }

    fn end(self) -> Result<()> {
        self.0.execute("SET GLOBAL innodb_flush_log_at_trx_commit = 1, GLOBAL sync_binlog = 1;")
    }
}
