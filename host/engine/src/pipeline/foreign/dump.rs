//! SQL as `mariadb-dump` and `mysqldump` write it: whether it is whole, and what it replaces.

use std::collections::BTreeSet;
use std::io::{self, Read, Write};

use bulkhead_model::{Failure, Result};

use super::inventory::Room;
use super::told::heard;
use super::xbstream::gone;

const CHUNK: usize = 256 << 10;
/// What is kept of a line to understand it. Rows are lines of many MiB.
const LINE_BYTES: usize = 512;
/// Databases that are remembered by their names.
const NAMES_MAX: usize = 100_000;
/// The last line of a dump that came to its end; the time may follow.
const END: &str = "-- Dump completed";
/// The database of the server's own tables.
const SYSTEM: &str = "mysql";

/// A dump that was found whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dumped {
    /// The databases that it makes.
    pub databases: BTreeSet<String>,
    /// The version that the dumped server stated of itself.
    pub server_version: Option<String>,
    /// Bytes.
    pub bytes: u64,
}

impl Dumped {
    /// Whether the server's own tables, and with them its accounts, are among them.
    pub fn replaces_system(&self) -> bool {
        self.databases.contains(SYSTEM)
    }
}

/// Passes a dump on and learns what it replaces. The order to read the accounts anew, which would lock out who loads the dump, is
/// left out: a server reads them when it starts.
///
/// # Errors
/// `unavailable` when there is no room for it, `corrupt` for a dump without its end, `unsupported` for one that names no database.
pub(super) fn pass(mut input: impl Read, mut output: impl Write, room: Room) -> Result<Dumped> {
    let mut scan = Scan::default();
    let mut buffer = vec![0; CHUNK];
    loop {
        let read = match input.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(heard(&error, "it is damaged")),
        };
        scan.dumped.bytes += read as u64;
        room.check(scan.dumped.bytes)?;
        for piece in buffer.get(..read).unwrap_or_default().split_inclusive(|byte| *byte == b'\n') {
            scan.take(piece, &mut output).map_err(gone)?;
        }
    }
    scan.end_line(&mut output).map_err(gone)?;
    scan.conclude()
}

#[derive(Default)]
struct Scan {
    dumped: Dumped,
    /// The beginning of the line that has begun; nothing of it is written before it is known to stay.
    line: Vec<u8>,
    /// Whether the line is longer than what is kept of it, and on its way already.
    long: bool,
    /// Whether the last line that is not empty says that the dump has ended.
    ended: bool,
    /// Whether a table is made before any database is named.
    homeless: bool,
}

impl Scan {
    fn take(&mut self, piece: &[u8], output: &mut impl Write) -> io::Result<()> {
        if self.long {
            output.write_all(piece)?;
        } else {
            self.line.extend_from_slice(piece);
            if self.line.len() > LINE_BYTES {
                self.understand();
                output.write_all(&self.line)?;
                self.long = true;
            }
        }
        if piece.ends_with(b"\n") { self.end_line(output) } else { Ok(()) }
    }

    fn end_line(&mut self, output: &mut impl Write) -> io::Result<()> {
        if !self.long && !self.line.is_empty() {
            self.understand();
            if !is_flush(&self.line) {
                output.write_all(&self.line)?;
            }
        }
        self.line.clear();
        self.long = false;
        Ok(())
    }

    fn understand(&mut self) {
        let text = String::from_utf8_lossy(self.line.get(..self.line.len().min(LINE_BYTES)).unwrap_or_default());
        let text = text.trim_start_matches('\u{feff}').trim_end();
        if text.is_empty() {
            return;
        }
        self.ended = text.starts_with(END);
        if let Some(name) = text.strip_prefix("USE `").and_then(|rest| rest.strip_suffix("`;"))
            && self.dumped.databases.len() < NAMES_MAX
        {
            self.dumped.databases.insert(name.replace("``", "`"));
        } else if let Some(version) = text.strip_prefix("-- Server version") {
            self.dumped.server_version.get_or_insert_with(|| version.trim().to_owned());
        } else if self.dumped.databases.is_empty() {
            self.homeless |=
                ["CREATE TABLE ", "INSERT INTO ", "DROP TABLE "].iter().any(|start| text.starts_with(start));
        }
    }

    fn conclude(self) -> Result<Dumped> {
        if !self.ended {
            return Err(Failure::corrupt(format!("it is not whole: its last line is not `{END}`"))
                .with_hint("a dump made with --skip-comments or --compact cannot be told from one that was cut off"));
        }
        if self.homeless || self.dumped.databases.is_empty() {
            return Err(Failure::unsupported("it is a dump of tables that names no database")
                .with_hint("make it with --databases or --all-databases"));
        }
        Ok(self.dumped)
    }
}

/// With or without the comment that hides it from old servers.
fn is_flush(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    [&b"/*! FLUSH PRIVILEGES */;"[..], b"FLUSH PRIVILEGES;", b"/*! FLUSH PRIVILEGES */ ;"].contains(&line)
}
