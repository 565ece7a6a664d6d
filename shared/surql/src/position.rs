//! Where something is in a text.

use std::fmt;

/// A place in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Bytes before it.
    pub offset: u64,
    /// The first line is 1.
    pub line: u64,
    /// Counted in characters; the first one is 1.
    pub column: u64,
}

impl Position {
    pub(crate) const START: Self = Self { offset: 0, line: 1, column: 1 };

    /// Moves past a byte.
    pub(crate) fn pass(&mut self, byte: u8) {
        self.offset += 1;
        if byte == b'\n' {
            self.line += 1;
            self.column = 1;
        } else if byte & 0xC0 != 0x80 {
            self.column += 1;
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// What can be open at a text's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Open {
    /// `'...'` or `"..."`.
    String,
    /// `` `...` `` or `⟨...⟩`.
    Name,
    /// `/* ... */`.
    Comment,
    /// `/.../`.
    Regex,
    /// `function() { ... }`.
    Script,
    /// `(`, `[` or `{`.
    Bracket(char),
}

/// The text ends within something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unfinished {
    /// What it ends within.
    pub open: Open,
    /// Where that begins.
    pub at: Position,
}

impl fmt::Display for Unfinished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.at;
        match self.open {
            Open::String => write!(f, "the string that begins at {at} does not end"),
            Open::Name => write!(f, "the quoted name that begins at {at} does not end"),
            Open::Comment => write!(f, "the comment that begins at {at} does not end"),
            Open::Regex => write!(f, "the regular expression that begins at {at} does not end"),
            Open::Script => write!(f, "the script that begins at {at} does not end"),
            Open::Bracket(bracket) => write!(f, "the `{bracket}` at {at} is not closed"),
        }
    }
}

impl std::error::Error for Unfinished {}
