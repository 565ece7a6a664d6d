//! SQL as `mariadb-dump` and `mysqldump` write it: whether it is whole, and what it replaces.

mod contents;
mod session;
mod setting;
mod statement;
#[cfg(test)]
mod tests;
mod words;

use std::io::{self, Read, Write};

use bulkhead_model::{Failure, Result};

use self::contents::{Learning, SYSTEM};
use self::session::Session;
use self::setting::{Assignment, Scope, Value};
use self::statement::Does;
use self::words::{Words, keep};
use super::inventory::{Room, shown};
use super::sql::{Events, Lexer, Modes, Stop, Token};
use super::told::heard;
use super::xbstream::gone;

pub use contents::Contents;
pub use statement::Kind;

const CHUNK: usize = 256 << 10;
/// Tokens of a statement that are kept to understand it.
const HEAD_TOKENS: usize = 64;
/// Enough of them to know where rows go.
const ROWS_TOKENS: usize = 12;
/// The most that is held back of a statement before it is known to stay.
const HELD_BYTES: usize = 1 << 20;
/// The last line of a dump that came to its end; the time may follow.
const END: &[u8] = b"-- Dump completed";
const SERVER_VERSION: &str = "-- Server version";
/// Variables whose value is a collation.
const COLLATION_VARIABLES: [&str; 3] = ["collation_connection", "collation_database", "collation_server"];

/// A dump that was found whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dumped {
    /// What it does to databases.
    pub contents: Contents,
    /// The version that the dumped server stated of itself.
    pub server_version: Option<String>,
    /// Bytes.
    pub bytes: u64,
}

impl Dumped {
    /// Whether the server's own tables, and with them its accounts, are among them.
    pub fn replaces_system(&self) -> bool {
        self.contents.databases.iter().any(|name| name.eq_ignore_ascii_case(SYSTEM))
    }
}

/// Passes a dump on and learns what it replaces. The order to read the accounts again, which would lock out who loads the dump, is
/// left out: a server reads them when it starts.
///
/// # Errors
/// `unavailable` when there is no room for it, `corrupt` for a dump without its end, `unsupported` for one that does not stand alone
/// or asks for what only the server that it comes from has.
pub(super) fn pass(mut input: impl Read, output: impl Write, room: Room) -> Result<Dumped> {
    let (mut lexer, mut scan) = (Lexer::default(), Scan::new(output));
    let (mut buffer, mut bytes) = (vec![0; CHUNK], 0_u64);
    loop {
        let read = match input.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(heard(&error, "it is damaged")),
        };
        bytes += read as u64;
        room.check(bytes)?;
        lexer.read(buffer.get(..read).unwrap_or_default(), &mut scan)?;
    }
    let stop = lexer.finish(&mut scan)?;
    scan.conclude(stop, bytes)
}

struct Scan<W> {
    output: W,
    learning: Learning,
    session: Session,
    server_version: Option<String>,
    /// Bytes of the statement that has begun, as long as it may have to be left out.
    held: Option<Vec<u8>>,
    /// The first tokens of the statement.
    head: Vec<Token>,
    words: Words,
    /// Whether the last that came is the comment at the end of dumps.
    ended: bool,
    /// The first setting of the whole server that it changes.
    global: Option<String>,
    /// Why it is not restored.
    refusal: Option<Failure>,
}

impl<W: Write> Scan<W> {
    fn new(output: W) -> Self {
        Self {
            output,
            learning: Learning::default(),
            session: Session::default(),
            server_version: None,
            held: None,
            head: Vec::new(),
            words: Words::default(),
            ended: false,
            global: None,
            refusal: None,
        }
    }

    fn release(&mut self) -> Result<()> {
        match self.held.take() {
            Some(held) => self.output.write_all(&held).map_err(gone),
            None => Ok(()),
        }
    }

    /// Whether the statement defines a table or a database.
    fn defines(&self) -> bool {
        let kind = match self.head.as_slice() {
            [_, or, _, kind, ..] if or.is("OR") => kind,
            [_, kind, ..] => kind,
            _ => return false,
        };
        ["TABLE", "DATABASE", "SCHEMA"].iter().any(|word| kind.is(word))
    }

    fn set(&mut self, assignments: &[Assignment]) {
        self.session.set(assignments);
        for Assignment { scope, name, value } in assignments {
            match (scope, name.as_str(), value) {
                (Scope::Saved, ..) => {}
                (_, "gtid_purged", _) => self.refuse(
                    Failure::unsupported("it sets `GTID_PURGED`, which only MySQL has")
                        .with_hint("make it with `mysqldump --set-gtid-purged=OFF`"),
                ),
                (_, "sql_log_bin", Value::Plain(off)) if off == "0" || off.eq_ignore_ascii_case("off") => self.refuse(
                    Failure::unsupported("it turns the binary log off, so that no log would know what it loads")
                        .with_hint("make it with `mysqldump --set-gtid-purged=OFF`"),
                ),
                (Scope::Session, variable, Value::Plain(collation)) if COLLATION_VARIABLES.contains(&variable) => {
                    keep(collation, &mut self.learning.contents.collations);
                }
                (Scope::Global, ..) => {
                    self.global.get_or_insert_with(|| name.clone());
                }
                _ => {}
            }
        }
    }

    /// Keeps the first reason: the file is read to its end all the same.
    fn refuse(&mut self, failure: Failure) {
        self.refusal.get_or_insert(failure);
    }

    fn conclude(self, stop: Stop, bytes: u64) -> Result<Dumped> {
        let place = match stop {
            Stop::Between if self.ended => None,
            Stop::Between => Some("its last line is not `-- Dump completed`"),
            Stop::Statement => Some("its last statement has no end"),
            Stop::Quote => Some("it ends within quotes"),
            Stop::Comment => Some("it ends within a comment"),
        };
        if let Some(place) = place {
            return Err(Failure::corrupt(format!("it is not whole: {place}"))
                .with_hint("a dump made with --skip-comments or --compact cannot be told from one that was cut off"));
        }
        if let Some(refusal) = self.refusal {
            return Err(refusal);
        }
        let dumped = Dumped { contents: self.learning.conclude()?, server_version: self.server_version, bytes };
        match self.global {
            Some(name) if !dumped.replaces_system() => {
                Err(Failure::unsupported(format!("it changes the setting `{}` of the whole server", shown(&name)))
                    .with_hint("make the dump without it: without --gtid, and without the server's own tables"))
            }
            _ => Ok(dumped),
        }
    }
}

impl<W: Write> Events for Scan<W> {
    fn bytes(&mut self, bytes: &[u8]) -> Result<()> {
        let Some(held) = &mut self.held else { return self.output.write_all(bytes).map_err(gone) };
        held.extend_from_slice(bytes);
        if held.len() <= HELD_BYTES {
            return Ok(());
        }
        // A statement may follow any length of comments. One that reads the accounts again is refused then, below.
        self.release()
    }

    fn begin(&mut self) -> Result<()> {
        self.held = Some(Vec::new());
        self.head.clear();
        self.words = Words::default();
        self.ended = false;
        Ok(())
    }

    fn token(&mut self, token: Token) -> Result<bool> {
        let verb = self.head.first().unwrap_or(&token);
        let (defining, rows) = (
            ["CREATE", "ALTER", "SET"].iter().any(|word| verb.is(word)),
            ["INSERT", "REPLACE"].iter().any(|word| verb.is(word)),
        );
        if self.head.is_empty() && !token.is("FLUSH") {
            self.release()?;
        }
        if defining {
            let defines = self.defines();
            let contents = &mut self.learning.contents;
            self.words.take(&token, defines, &mut contents.collations, &mut contents.charsets);
        }
        if self.head.len() < HEAD_TOKENS {
            self.head.push(token);
        }
        Ok(defining || self.head.len() < if rows { ROWS_TOKENS } else { HEAD_TOKENS })
    }

    fn end(&mut self) -> Result<Modes> {
        let does = Does::of(&self.head);
        match &does {
            Does::FlushPrivileges => {
                if self.held.take().is_none() {
                    self.refuse(Failure::unsupported("it holds a `FLUSH PRIVILEGES` with a very long comment"));
                }
            }
            Does::Set(assignments) => self.set(assignments),
            Does::Replication(words) => self.refuse(
                Failure::unsupported(format!("it changes the replication of the server: `{words}`"))
                    .with_hint("make it with --master-data=2 or --dump-slave=2, and without --apply-slave-statements"),
            ),
            Does::Delimiter => self.refuse(
                Failure::unsupported("it holds a `DELIMITER` that is not at the start of a line")
                    .with_hint("restore it as mariadb-dump or mysqldump wrote it, without changes by hand"),
            ),
            _ => self.learning.take(&does)?,
        }
        self.head.clear();
        self.release()?;
        Ok(self.session.modes())
    }

    fn comment(&mut self, text: &[u8]) -> Result<()> {
        // A comment for some servers only may have begun a statement that has no word yet.
        if !self.head.is_empty() {
            return Ok(());
        }
        self.ended = text.starts_with(END);
        if let Some(version) = String::from_utf8_lossy(text).strip_prefix(SERVER_VERSION) {
            self.server_version.get_or_insert_with(|| version.trim().to_owned());
        }
        Ok(())
    }
}
