//! Migrations: numbered files that bring what was restored, or emptied, to the form that its users expect. Applied once each, in
//! order; the database itself records which, so that a restored one knows what was applied to it when it was backed up.

mod directory;
pub(crate) mod mariadb;
mod plan;
mod surrealdb;

use std::path::PathBuf;

use bulkhead_model::{Failure, Result};

pub(crate) use self::surrealdb::SurrealDb;

/// The files of one service, as they were when its restore or reset began.
#[derive(Debug)]
pub(crate) struct Migrations {
    directory: PathBuf,
    /// By number, the lowest first.
    files: Vec<Migration>,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Migration {
    number: u32,
    /// The file's name.
    name: String,
    /// SHA-256 of the file, hexadecimal.
    checksum: String,
    text: String,
}

/// What a database says of a migration.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Applied {
    number: u32,
    name: String,
    checksum: String,
}

/// What a migration says of itself when it fails.
fn failed(migration: &Migration, at: Option<Place>, failure: Failure) -> Failure {
    let place = match at {
        None => String::new(),
        Some(Place { statement: Some(number), line, column }) => {
            format!(", statement {number} at line {line}, column {column}")
        }
        Some(Place { statement: None, line, column: 0 }) => format!(", line {line}"),
        Some(Place { statement: None, line, column }) => format!(", line {line}, column {column}"),
    };
    let failure = failure.context(format!("migration `{}`{place}", migration.name));
    if failure.retry { failure } else { failure.with_hint("mend the file, then restore or reset the service again") }
}

/// Where in a file something failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    /// Counted from 1.
    statement: Option<usize>,
    /// Counted from 1.
    line: u64,
    /// Counted from 1; 0 where only the line is known.
    column: u64,
}

/// The server's own words, as they are shown: the first line says what is wrong, the others may repeat data.
fn first_line(words: &str) -> &str {
    let line = words.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("no reason given");
    line.char_indices().nth(1000).map_or(line, |(end, _)| &line[..end])
}

fn unknown_record(number: &str) -> Failure {
    Failure::invalid(format!(
        "the database's record of its migrations names `{}`, which is no number",
        number.escape_debug()
    ))
}

/// A record's number, as it was written.
fn number(text: &str) -> Result<u32> {
    text.parse().map_err(|_| unknown_record(text))
}
