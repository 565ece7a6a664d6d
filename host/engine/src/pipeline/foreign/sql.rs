//! SQL as the `mariadb` client reads it: which bytes are whose statement.
//!
//! The client, and nothing else, decides where a statement ends. So this follows `add_line` and `read_and_execute` of MariaDB's
//! `client/mysql.cc` in binary mode: strings and quoted names, three kinds of comments, `DELIMITER`. Memory is bounded, whatever a
//! statement is long, and bytes may come in pieces that end anywhere.

mod delimiter;
mod lexer;
mod quoted;
#[cfg(test)]
mod tests;

use bulkhead_model::Result;

pub(super) use lexer::Lexer;

/// What is kept of one word, name or text. The longest that is judged is a list of SQL modes.
const TOKEN_BYTES: usize = 1024;
/// What is kept of a comment.
const COMMENT_BYTES: usize = 256;
/// Conditional comments of MySQL that MariaDB leaves out, though they name a lower version than its own.
const OF_MYSQL: std::ops::RangeInclusive<u32> = 50700..=99999;
/// No server has this version. `/*M!999999\- enable the sandbox mode */` is meant for the client.
const NO_SERVER: u32 = 990_000;

/// A piece of a statement. Comments, and what MariaDB leaves out of conditional ones, are none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A word or a number, as it is written.
    Word(String),
    /// A name between backticks, or between double quotes where these quote names.
    Name(String),
    /// A text between quotes.
    Text(String),
    /// Anything else.
    Sign(u8),
}

impl Token {
    /// The word, in capitals.
    pub(super) fn word(&self) -> Option<String> {
        match self {
            Self::Word(word) => Some(word.to_ascii_uppercase()),
            _ => None,
        }
    }

    /// Whether it is this word.
    pub(super) fn is(&self, word: &str) -> bool {
        matches!(self, Self::Word(own) if own.eq_ignore_ascii_case(word))
    }

    /// The name, quoted or not.
    pub(super) fn name(&self) -> Option<&str> {
        match self {
            Self::Word(name) | Self::Name(name) => Some(name),
            _ => None,
        }
    }
}

/// The SQL modes of the session that change what a quote or a backslash means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Modes {
    /// `ANSI_QUOTES`: double quotes are around names.
    pub(super) ansi_quotes: bool,
    /// `NO_BACKSLASH_ESCAPES`: a backslash in a text is one.
    pub(super) plain_backslash: bool,
}

/// Takes what is read, in its order. What a statement is made of comes between `begin` and `end`.
pub(super) trait Events {
    /// Bytes as they are in the file. All of them come once. Those of a statement have its delimiter among them.
    fn bytes(&mut self, bytes: &[u8]) -> Result<()>;

    /// The next byte is the first of a statement.
    fn begin(&mut self) -> Result<()>;

    /// A token of the statement. False when no more of them are wanted.
    fn token(&mut self, token: Token) -> Result<bool>;

    /// The statement has ended; the session has these modes from now on.
    fn end(&mut self) -> Result<Modes>;

    /// A comment to the end of a line, with its mark and without the line's end, as much of it as is kept. Within a statement too.
    fn comment(&mut self, text: &[u8]) -> Result<()>;
}

/// Where a file of SQL stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// After a delimiter, or a comment after it.
    Between,
    /// Within a statement: its delimiter never came.
    Statement,
    /// Within a text or a quoted name.
    Quote,
    /// Within a comment of more than one line.
    Comment,
}
