//! Statements.

use std::collections::VecDeque;

use crate::scanner::{Mark, Scanner};
use crate::{Position, Unfinished};

/// A statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statement<'a> {
    /// From its first word to before its semicolon, comments within included.
    pub text: &'a str,
    /// Bytes of the text before it.
    pub offset: u64,
    /// Where it begins; the first line is 1.
    pub line: u64,
    /// Where it begins, counted in characters; the first one is 1.
    pub column: u64,
}

/// The statements of a whole text. The last one needs no semicolon; space and comments alone are no statement.
///
/// # Errors
/// When the text ends within a string, a bracket or the like.
pub fn statements(text: &str) -> Result<Vec<Statement<'_>>, Unfinished> {
    let mut found = Vec::new();
    let mut add = |from: Position, to: u64| {
        let (Ok(start), Ok(end)) = (usize::try_from(from.offset), usize::try_from(to)) else { return };
        let statement = text.get(start..end).unwrap_or_default().trim_end();
        if !statement.is_empty() {
            let Position { offset, line, column } = from;
            found.push(Statement { text: statement, offset, line, column });
        }
    };
    let mut scanner = Scanner::new();
    let mut at = 0;
    while let Some(mark) = scanner.next(text.as_bytes(), &mut at) {
        if mark == Mark::End {
            if let Some(begun) = scanner.begun() {
                add(begun, scanner.position().offset - 1);
            }
            scanner.begin();
        }
    }
    if let Some(begun) = scanner.finish()? {
        add(begun, scanner.position().offset);
    }
    Ok(found)
}

/// Splits a text that comes in pieces. Holds the statements that have not been taken and the one that is under way.
#[derive(Debug)]
pub struct Splitter {
    scanner: Scanner,
    /// The bytes of the statement that is under way, and where they begin.
    bytes: Vec<u8>,
    from: u64,
    ready: VecDeque<(String, Position)>,
    /// The statement that was taken last.
    taken: String,
}

impl Default for Splitter {
    fn default() -> Self {
        Self::new()
    }
}

impl Splitter {
    /// At the beginning of a text.
    pub fn new() -> Self {
        Self { scanner: Scanner::new(), bytes: Vec::new(), from: 0, ready: VecDeque::new(), taken: String::new() }
    }

    /// Takes the next bytes of the text, wherever they end.
    pub fn push(&mut self, bytes: &[u8]) {
        let mut at = 0;
        loop {
            let start = at;
            let mark = self.scanner.next(bytes, &mut at);
            self.bytes.extend_from_slice(&bytes[start..at]);
            match mark {
                Some(Mark::End) => {
                    self.bytes.pop();
                    if let Some(begun) = self.scanner.begun() {
                        self.end_statement(begun);
                    }
                    self.scanner.begin();
                    self.forget();
                }
                Some(_) => {}
                None => break,
            }
        }
        if self.scanner.is_idle() {
            self.forget();
        }
    }

    /// Takes the next statement whose semicolon has come. Bytes that are not UTF-8 are replaced.
    pub fn next_statement(&mut self) -> Option<Statement<'_>> {
        let (text, Position { offset, line, column }) = self.ready.pop_front()?;
        self.taken = text;
        Some(Statement { text: self.taken.trim_end(), offset, line, column })
    }

    /// Ends the text. What follows the last semicolon, if it is a statement, can be taken then; returns whether there is one.
    ///
    /// # Errors
    /// When the text ends within a string, a bracket or the like.
    pub fn finish(&mut self) -> Result<bool, Unfinished> {
        let last = self.scanner.finish()?;
        let added = last.is_some_and(|begun| self.end_statement(begun));
        self.scanner.begin();
        self.forget();
        Ok(added)
    }

    /// Ends the statement that is under way, unless it is but space of a kind that only Unicode knows.
    fn end_statement(&mut self, begun: Position) -> bool {
        let before = usize::try_from(begun.offset - self.from).unwrap_or(usize::MAX);
        let text = String::from_utf8_lossy(self.bytes.get(before..).unwrap_or_default()).into_owned();
        let is_statement = !text.trim_end().is_empty();
        if is_statement {
            self.ready.push_back((text, begun));
        }
        is_statement
    }

    fn forget(&mut self) {
        self.bytes.clear();
        self.from = self.scanner.position().offset;
    }
}
