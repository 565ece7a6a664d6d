//! Everything in a server, as text that can be compared.

mod compare;
mod definitions;
mod rows;

use std::collections::BTreeMap;
use std::fmt;

use crate::mariadb::{MariaDb, Session};
use crate::problem::Result;

pub use compare::Difference;

/// Something in a server.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Object {
    /// `table`, `rows`, `history`, `view`, `trigger`, `user`, ...
    pub kind: &'static str,
    /// Its quoted and qualified name.
    pub name: String,
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}

/// What a table holds, whatever the order and the storage format of its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableSum {
    /// The number of rows.
    pub rows: u64,
    /// The sum of the rows' digests, modulo 2^64.
    pub checksum: u64,
}

impl fmt::Display for TableSum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rows, checksum {:016x}", self.rows, self.checksum)
    }
}

/// Every object of the users of a server: definitions, grants, and the content of every table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// How each object is created.
    pub definitions: BTreeMap<Object, String>,
    /// What each table holds now, by its quoted and qualified name.
    pub tables: BTreeMap<String, TableSum>,
    /// What each system-versioned table held at any time, with the times.
    pub histories: BTreeMap<String, TableSum>,
}

impl Snapshot {
    /// Reads a whole server; the server's own databases are left out.
    pub fn take(server: &MariaDb) -> Result<Self> {
        let mut session = Session::open(server)?;
        session.query(
            "SET time_zone = '+00:00', sql_mode = '', group_concat_max_len = 1000000, SESSION max_statement_time = 0",
        )?;
        let mut snapshot = Self::default();
        definitions::databases(&mut session, &mut snapshot)?;
        definitions::tables(&mut session, &mut snapshot)?;
        definitions::routines(&mut session, &mut snapshot)?;
        definitions::triggers(&mut session, &mut snapshot)?;
        definitions::events(&mut session, &mut snapshot)?;
        definitions::accounts(&mut session, &mut snapshot)?;
        rows::tables(&mut session, &mut snapshot)?;
        Ok(snapshot)
    }

    /// All rows of all tables.
    pub fn rows(&self) -> u64 {
        self.tables.values().map(|sum| sum.rows).sum()
    }

    fn define(&mut self, kind: &'static str, name: String, definition: String) {
        self.definitions.insert(Object { kind, name }, definition);
    }
}

/// Excludes what belongs to the server itself, for a column that holds a database's name.
fn of_users(column: &str) -> String {
    format!("{column} NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema')")
}

/// A name for SQL.
fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// A qualified name for SQL.
fn qualified(database: &str, name: &str) -> String {
    format!("{}.{}", quoted(database), quoted(name))
}
