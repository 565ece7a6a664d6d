//! What of a text is code, byte by byte.

use crate::word::Word;
use crate::{Open, Position, Unfinished};

/// Something that structures a text, outside of strings, comments and the like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// A bracket; the depth is that inside of it.
    Open(u8),
    /// A bracket; the depth is that outside of it.
    Close,
    Comma,
    Colon,
    /// A semicolon outside of all brackets.
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Code,
    /// In quotes of that kind.
    Quoted(u8),
    /// In `⟨⟩`.
    Angled,
    LineComment,
    BlockComment,
    Regex,
    Script,
    /// In quotes within a script.
    ScriptQuoted(u8),
    ScriptLineComment,
    ScriptBlockComment,
}

/// How much of `function(...) {` has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Function {
    No,
    Word,
    /// In its arguments: at that depth they end.
    Arguments(usize),
    Body,
}

/// The state between two bytes.
#[derive(Debug)]
pub(crate) struct Scanner {
    place: Place,
    /// Where the place began.
    since: Position,
    /// The byte before, where it may be the first half of something.
    half: u8,
    /// The two bytes before, for characters of three.
    before: [u8; 2],
    /// Bytes of an escaped character that are still to come.
    escaped: usize,
    brackets: Vec<(u8, Position)>,
    word: Word,
    /// Whether the word is a name, whatever it is: `$value`, `a.in`.
    named: bool,
    /// Whether a value has ended: what follows a slash then is no regular expression.
    operand: bool,
    function: Function,
    script_depth: usize,
    position: Position,
    begun: Option<Position>,
    /// Empty lines between statements since the last comment of a line.
    empty_lines: usize,
    /// Empty lines at the very end of what has come.
    empty_end: usize,
}

impl Scanner {
    pub(crate) fn new() -> Self {
        Self {
            place: Place::Code,
            since: Position::START,
            half: 0,
            before: [0; 2],
            escaped: 0,
            brackets: Vec::new(),
            word: Word::default(),
            named: false,
            operand: false,
            function: Function::No,
            script_depth: 0,
            position: Position::START,
            begun: None,
            empty_lines: 0,
            empty_end: 0,
        }
    }

    /// Where the next byte is.
    pub(crate) fn position(&self) -> Position {
        self.position
    }

    /// Where the statement begins that is under way.
    pub(crate) fn begun(&self) -> Option<Position> {
        self.begun
    }

    /// Whether what has come since the last statement is nothing but space and comments for certain.
    pub(crate) fn is_idle(&self) -> bool {
        self.begun.is_none() && self.half == 0
    }

    /// Empty lines between statements: since the last comment of a line, and right before the place that has been come to.
    pub(crate) fn empty_lines(&self) -> (usize, usize) {
        (self.empty_lines, self.empty_end)
    }

    /// Brackets that are open.
    pub(crate) fn depth(&self) -> usize {
        self.brackets.len()
    }

    /// Goes on in `bytes` from `at` to behind the next mark.
    pub(crate) fn next(&mut self, bytes: &[u8], at: &mut usize) -> Option<Mark> {
        while let Some(&byte) = bytes.get(*at) {
            *at += 1;
            self.count_empty_lines(byte);
            let mark = self.take(byte);
            self.before = [self.before[1], byte];
            self.position.pass(byte);
            if mark.is_some() {
                return mark;
            }
        }
        None
    }

    /// Begins the next statement.
    pub(crate) fn begin(&mut self) {
        self.begun = None;
        self.word = Word::default();
        self.operand = false;
        self.function = Function::No;
    }

    /// The text ends here: where the statement begins that no semicolon ends.
    pub(crate) fn finish(&mut self) -> Result<Option<Position>, Unfinished> {
        self.settle_half();
        let open = match self.place {
            Place::Code | Place::LineComment => match self.brackets.last() {
                Some(&(bracket, at)) => return Err(Unfinished { open: Open::Bracket(char::from(bracket)), at }),
                None => return Ok(self.begun),
            },
            Place::Quoted(b'`') | Place::Angled => Open::Name,
            Place::Quoted(_) => Open::String,
            Place::BlockComment => Open::Comment,
            Place::Regex => Open::Regex,
            Place::Script | Place::ScriptQuoted(_) | Place::ScriptLineComment | Place::ScriptBlockComment => {
                Open::Script
            }
        };
        Err(Unfinished { open, at: self.since })
    }

    fn count_empty_lines(&mut self, byte: u8) {
        if self.place == Place::LineComment {
            self.empty_lines = 0;
        }
        let is_between = self.place == Place::Code && self.begun.is_none();
        if byte == b'\n' && self.before[1] == b'\n' && is_between {
            self.empty_lines += 1;
            self.empty_end += 1;
        } else {
            self.empty_end = 0;
        }
    }

    fn take(&mut self, byte: u8) -> Option<Mark> {
        match self.place {
            Place::Code => return self.code(byte),
            Place::Quoted(quote) => self.quoted(byte, byte == quote, Place::Code),
            Place::Angled => self.quoted(byte, self.ends_with([0xE2, 0x9F, 0xA9], byte), Place::Code),
            Place::Regex => self.quoted(byte, byte == b'/', Place::Code),
            Place::ScriptQuoted(quote) => self.quoted(byte, byte == quote, Place::Script),
            Place::LineComment => self.line_comment(byte, Place::Code),
            Place::ScriptLineComment => self.line_comment(byte, Place::Script),
            Place::BlockComment => self.block_comment(byte, Place::Code),
            Place::ScriptBlockComment => self.block_comment(byte, Place::Script),
            Place::Script => self.script(byte),
        }
        None
    }

    fn quoted(&mut self, byte: u8, ends: bool, outside: Place) {
        if self.before[1] == b'\\' && self.escaped == 1 {
            // Whether one byte or the first of several.
            self.escaped = usize::from(byte >= 0xC0) + usize::from(byte >= 0xE0) + usize::from(byte >= 0xF0);
        } else if self.escaped > 0 {
            self.escaped -= 1;
        } else if byte == b'\\' {
            self.escaped = 1;
        } else if ends {
            self.place = outside;
            self.operand = true;
        }
    }

    /// Servers end such a comment where Unicode ends a line.
    fn line_comment(&mut self, byte: u8, outside: Place) {
        let ends = matches!(byte, b'\n' | b'\r')
            || (self.before[1] == 0xC2 && byte == 0x85)
            || self.ends_with([0xE2, 0x80, 0xA8], byte)
            || self.ends_with([0xE2, 0x80, 0xA9], byte);
        if ends {
            self.place = outside;
        }
    }

    fn block_comment(&mut self, byte: u8, outside: Place) {
        if self.half == b'*' && byte == b'/' {
            self.place = outside;
            self.half = 0;
        } else {
            self.half = if byte == b'*' { b'*' } else { 0 };
        }
    }

    fn ends_with(&self, character: [u8; 3], byte: u8) -> bool {
        [self.before[0], self.before[1], byte] == character
    }

    fn code(&mut self, byte: u8) -> Option<Mark> {
        if self.half != 0 {
            match (self.half, byte) {
                (b'-', b'-') | (b'/', b'/') => return self.enter(Place::LineComment),
                (b'/', b'*') => return self.enter(Place::BlockComment),
                _ => self.settle_half(),
            }
            if self.place == Place::Regex {
                self.quoted(byte, byte == b'/', Place::Code);
                return None;
            }
        }
        if byte.is_ascii_alphanumeric() || byte == b'_' {
            if self.word.is_empty() {
                self.named = matches!(self.before[1], b'$' | b'.' | b':' | b'@');
            }
            self.word.push(byte);
            self.begin_statement(self.position);
            return None;
        }
        self.end_word();
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' | 0x0B | 0x0C => return None,
            b'#' => return self.enter(Place::LineComment),
            // What they are, the next byte tells.
            b'-' | b'/' => {
                self.since = self.position;
                self.half = byte;
                return None;
            }
            b';' if self.brackets.is_empty() => return Some(Mark::End),
            _ => {}
        }
        self.begin_statement(self.position);
        let function = std::mem::replace(&mut self.function, Function::No);
        match byte {
            b'\'' | b'"' | b'`' => return self.enter(Place::Quoted(byte)),
            0xA8 if self.ends_with([0xE2, 0x9F, 0xA8], byte) => return self.enter(Place::Angled),
            b'{' if function == Function::Body => {
                self.script_depth = 1;
                return self.enter(Place::Script);
            }
            b'(' | b'[' | b'{' => {
                self.function = match function {
                    Function::Word if byte == b'(' => Function::Arguments(self.brackets.len()),
                    Function::Arguments(_) => function,
                    _ => Function::No,
                };
                self.brackets.push((byte, self.position));
                self.operand = false;
                return Some(Mark::Open(byte));
            }
            b')' | b']' | b'}' => {
                self.brackets.pop();
                self.function = match function {
                    Function::Arguments(depth) if depth == self.brackets.len() => Function::Body,
                    Function::Arguments(_) => function,
                    _ => Function::No,
                };
                self.operand = true;
                return Some(Mark::Close);
            }
            _ => {}
        }
        if matches!(function, Function::Arguments(_)) {
            self.function = function;
        }
        // The rest of a character of several bytes, e.g. of a space, says nothing of what follows.
        if byte.is_ascii() {
            self.operand = false;
        }
        match byte {
            b',' => Some(Mark::Comma),
            b':' => Some(Mark::Colon),
            _ => None,
        }
    }

    fn script(&mut self, byte: u8) {
        let half = std::mem::replace(&mut self.half, 0);
        match byte {
            b'\'' | b'"' | b'`' => self.place = Place::ScriptQuoted(byte),
            b'/' if half == b'/' => self.place = Place::ScriptLineComment,
            b'*' if half == b'/' => self.place = Place::ScriptBlockComment,
            b'/' => self.half = b'/',
            b'{' => self.script_depth += 1,
            b'}' => {
                self.script_depth -= 1;
                if self.script_depth == 0 {
                    self.place = Place::Code;
                    self.operand = true;
                }
            }
            _ => {}
        }
    }

    fn enter(&mut self, place: Place) -> Option<Mark> {
        if self.half == 0 {
            self.since = self.position;
        }
        self.half = 0;
        self.place = place;
        None
    }

    /// What came before was no comment.
    fn settle_half(&mut self) {
        let half = std::mem::replace(&mut self.half, 0);
        if self.place != Place::Code || half == 0 {
            return;
        }
        self.begin_statement(self.since);
        self.function = match self.function {
            Function::Arguments(depth) => Function::Arguments(depth),
            _ => Function::No,
        };
        if half == b'/' && !self.operand {
            self.place = Place::Regex;
        }
        self.operand = false;
    }

    fn begin_statement(&mut self, at: Position) {
        self.begun.get_or_insert(at);
    }

    fn end_word(&mut self) {
        let word = std::mem::take(&mut self.word);
        if word.is_empty() {
            return;
        }
        self.operand = self.named || !word.precedes_value();
        if !matches!(self.function, Function::Arguments(_)) {
            self.function = if word.is_function() && !self.named { Function::Word } else { Function::No };
        }
    }
}
