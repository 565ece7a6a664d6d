//! What an export consists of: definitions, and records one by one.
//!
//! An export keeps up to a thousand records in one statement, `INSERT [ {...}, {...} ];`, of whatever size they are. Here they come apart, so
//! that no more than one of them has to be held.

use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;

use crate::quote::unquote;
use crate::scanner::{Mark, Scanner};
use crate::{Position, Unfinished};

/// What an item is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A whole statement, without its semicolon.
    Statement,
    /// One object out of the list of an `INSERT` or `INSERT RELATION`.
    Record {
        /// Whether it is a graph edge.
        relation: bool,
        /// The table that its `id` names; `None` for an object without one.
        table: Option<String>,
    },
}

/// A piece of an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What it is.
    pub kind: Kind,
    /// Its text, as UTF-8 if the export is.
    pub text: Vec<u8>,
    /// The most brackets that are open at once in it.
    pub depth: usize,
    /// Where it begins.
    pub at: Position,
    /// Where in its text the value of `id` is.
    id: Option<Range<usize>>,
}

impl Item {
    /// The record id of a record that has one, as it is written.
    pub fn id(&self) -> Option<&str> {
        std::str::from_utf8(self.text.get(self.id.clone()?)?).ok().map(str::trim)
    }
}

/// An item does not fit into memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong {
    /// Where it begins.
    pub at: Position,
    /// The most bytes an item may have.
    pub limit: usize,
}

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "what begins at {} is longer than {} bytes", self.at, self.limit)
    }
}

impl std::error::Error for TooLong {}

/// Takes an export apart that comes in pieces.
#[derive(Debug)]
pub struct Items {
    scanner: Scanner,
    limit: usize,
    /// The bytes of what is under way.
    bytes: Vec<u8>,
    /// Where `bytes` begin.
    from: Position,
    /// The most brackets that were open in them.
    deepest: usize,
    list: Option<List>,
    /// Whether the last statement was an edge that is no record: `RELATE`.
    relates: bool,
    ready: VecDeque<Item>,
}

/// The list of an `INSERT` that is under way.
#[derive(Debug)]
struct List {
    relation: bool,
    /// Where in the item's bytes a key begins.
    key: Option<usize>,
    /// Where in the item's bytes the value of `id` begins.
    id: Option<usize>,
    /// The value of `id` that has ended, and its table.
    known: Option<(Range<usize>, Option<String>)>,
}

impl Items {
    /// At the beginning of an export whose items have at most `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            scanner: Scanner::new(),
            limit,
            bytes: Vec::new(),
            from: Position::START,
            deepest: 0,
            list: None,
            relates: false,
            ready: VecDeque::new(),
        }
    }

    /// Takes the next bytes, wherever they end. The items that end in them can be taken then.
    ///
    /// # Errors
    /// When an item is longer than the limit.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        let mut at = 0;
        loop {
            let start = at;
            let mark = self.scanner.next(bytes, &mut at);
            self.bytes.extend_from_slice(&bytes[start..at]);
            if self.bytes.len() > self.limit {
                return Err(TooLong { at: self.from, limit: self.limit });
            }
            match mark {
                Some(mark) => self.mark(mark),
                None => break,
            }
        }
        if self.scanner.is_idle() {
            self.forget();
        }
        Ok(())
    }

    /// The next item that has ended.
    pub fn next_item(&mut self) -> Option<Item> {
        self.ready.pop_front()
    }

    /// Ends the export: whether it ends behind a semicolon, as whole ones do.
    ///
    /// # Errors
    /// When it ends within a string, a bracket or the like.
    pub fn finish(&mut self) -> Result<bool, Unfinished> {
        Ok(self.scanner.finish()?.is_none())
    }

    /// Whether the last part of the export is closed.
    ///
    /// Servers (of 2.x and 3.x) end an export that fails halfway in good order. But each of its parts, e.g. the records of a table, begins with
    /// a comment and an empty line, and an empty line follows when all of it has been written; one more where it consists of `RELATE`.
    pub fn is_closed(&self) -> bool {
        let (since_comment, at_end) = self.scanner.empty_lines();
        since_comment >= 2 && at_end > usize::from(self.relates)
    }

    fn mark(&mut self, mark: Mark) {
        let depth = self.scanner.depth();
        self.deepest = self.deepest.max(depth);
        match (&mut self.list, mark) {
            (None, Mark::Open(b'[')) if depth == 1 => {
                if let Some(relation) = insert(self.statement()) {
                    self.list = Some(List { relation, key: None, id: None, known: None });
                    self.forget();
                }
            }
            (None, Mark::End) => {
                self.bytes.pop();
                if let Some(at) = self.scanner.begun() {
                    let text = self.statement().to_vec();
                    self.relates = text.get(..6).is_some_and(|word| word.eq_ignore_ascii_case(b"RELATE"));
                    self.ready.push_back(Item { kind: Kind::Statement, text, depth: self.deepest, at, id: None });
                }
                self.end_statement();
            }
            (Some(_), Mark::Comma) if depth == 1 => self.end_record(),
            (Some(_), Mark::Close) if depth == 0 => self.end_record(),
            (Some(_), Mark::End) => {
                // What follows a list is not part of any export: it stands alone, for whoever runs it to refuse.
                self.bytes.pop();
                let text = self.bytes.trim_ascii().to_vec();
                if !text.is_empty() {
                    let (depth, at) = (self.deepest, self.from);
                    self.ready.push_back(Item { kind: Kind::Statement, text, depth, at, id: None });
                }
                self.list = None;
                self.relates = false;
                self.end_statement();
            }
            (Some(list), Mark::Open(b'{')) if depth == 2 => list.key = Some(self.bytes.len()),
            (Some(list), Mark::Colon) if depth == 2 => {
                let end = self.bytes.len();
                let key = list.key.take().and_then(|start| self.bytes.get(start..end - 1));
                if key.is_some_and(|key| matches!(key.trim_ascii(), b"id" | b"`id`" | b"\"id\"" | b"'id'")) {
                    list.id = Some(end);
                }
            }
            (Some(list), Mark::Comma) if depth == 2 => {
                list.end_id(&self.bytes);
                list.key = Some(self.bytes.len());
            }
            (Some(list), Mark::Close) if depth == 1 => {
                list.end_id(&self.bytes);
                list.key = None;
            }
            _ => {}
        }
    }

    /// The statement that is under way, without the space and the comments before it.
    fn statement(&self) -> &[u8] {
        let before = self.scanner.begun().map_or(0, |begun| begun.offset - self.from.offset);
        let before = usize::try_from(before).unwrap_or(usize::MAX);
        self.bytes.get(before..).unwrap_or_default().trim_ascii_end()
    }

    /// Ends an object of a list, at the comma or bracket that was read last.
    fn end_record(&mut self) {
        self.bytes.pop();
        if let Some(list) = &mut self.list {
            let (id, table) = list.known.take().map_or((None, None), |(id, table)| (Some(id), table));
            let kind = Kind::Record { relation: list.relation, table };
            let text = self.bytes.trim_ascii().to_vec();
            let space = self.bytes.len() - self.bytes.trim_ascii_start().len();
            let id = id.and_then(|id| Some(id.start.checked_sub(space)?..id.end.checked_sub(space)?));
            // All but the list's own bracket.
            let depth = self.deepest.saturating_sub(1);
            if !text.is_empty() {
                self.ready.push_back(Item { kind, text, depth, at: self.from, id });
            }
        }
        self.forget();
    }

    fn end_statement(&mut self) {
        self.scanner.begin();
        self.forget();
    }

    fn forget(&mut self) {
        self.bytes.clear();
        self.deepest = 0;
        self.from = self.scanner.position();
    }
}

impl List {
    fn end_id(&mut self, bytes: &[u8]) {
        if let Some(start) = self.id.take() {
            let id = start..bytes.len() - 1;
            self.known = Some((id.clone(), bytes.get(id).and_then(table)));
        }
    }
}

/// Whether a list of records begins here, and whether of edges.
fn insert(statement: &[u8]) -> Option<bool> {
    let mut words = statement.strip_suffix(b"[")?.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    if !words.next()?.eq_ignore_ascii_case(b"INSERT") {
        return None;
    }
    match words.next() {
        None => Some(false),
        Some(word) if word.eq_ignore_ascii_case(b"RELATION") && words.next().is_none() => Some(true),
        Some(_) => None,
    }
}

/// The table of a record id: `person:1`, `` `a b`:1 ``, `⟨a b⟩:1`, `r'person:1'`.
fn table(id: &[u8]) -> Option<String> {
    let id = std::str::from_utf8(id).ok()?.trim();
    let id = id.strip_prefix("r'").or_else(|| id.strip_prefix("r\"")).unwrap_or(id);
    let (name, rest) = unquote(id)?;
    rest.starts_with(':').then_some(name)
}
