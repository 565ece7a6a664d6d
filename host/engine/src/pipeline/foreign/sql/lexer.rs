//! The reader itself: one byte after the other, with a short look ahead.

mod plain;

use bulkhead_model::Result;

use super::delimiter::{self, delimiter_of};
use super::quoted::Quoted;
use super::{COMMENT_BYTES, Events, Modes, Stop, Token};

/// No decision needs more bytes than these: a delimiter, `DELIMITER` itself, `/*M!` with a version.
const AHEAD: usize = 24;
/// Editors write it; the client leaves it out.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What the next byte is in.
enum Place {
    /// A statement, or between two.
    Plain,
    /// A text or a quoted name.
    Quoted(Quoted),
    /// A comment to the end of the line.
    Line(Vec<u8>),
    /// `/* ... */`.
    Block,
    /// The line of a `DELIMITER`.
    Command(Vec<u8>),
}

/// Reads SQL.
pub(in super::super) struct Lexer {
    /// Bytes that are not read yet, and as many before them as were not told yet.
    window: Vec<u8>,
    /// How many of these were told.
    told: usize,
    /// How many were read.
    at: usize,
    /// Whether these are the last bytes.
    last: bool,
    /// Whether the first bytes were looked at.
    begun: bool,
    place: Place,
    delimiter: Vec<u8>,
    modes: Modes,
    /// Whether only blanks came in this line.
    line_start: bool,
    /// Whether nothing of a statement came since the last one.
    empty: bool,
    /// Whether that is so for a client that keeps comments (`--comments`), too.
    empty_with_comments: bool,
    /// Whether blanks came in this line that belong to no statement before it.
    indented: bool,
    /// Whether the blanks that come now still belong to the statement that has ended.
    after_delimiter: bool,
    /// Whether `/*!` came in this line, and no `*/` after it. The client forgets it with the line.
    conditional: bool,
    /// Whether this is in a conditional comment that MariaDB leaves out.
    left_out: bool,
    /// Whether the slash that comes ends a conditional comment.
    closing: bool,
    /// The word that has begun.
    word: Option<Vec<u8>>,
    /// Whether tokens of this statement are wanted.
    wanted: bool,
}

impl Default for Lexer {
    fn default() -> Self {
        Self {
            window: Vec::new(),
            told: 0,
            at: 0,
            last: false,
            begun: false,
            place: Place::Plain,
            delimiter: b";".to_vec(),
            modes: Modes::default(),
            line_start: true,
            empty: true,
            empty_with_comments: true,
            indented: false,
            after_delimiter: false,
            conditional: false,
            left_out: false,
            closing: false,
            word: None,
            wanted: false,
        }
    }
}

impl Lexer {
    /// Reads on.
    ///
    /// # Errors
    /// `unsupported` for a `DELIMITER` that not every client takes for one; what the events fail with.
    pub(in super::super) fn read(&mut self, bytes: &[u8], events: &mut impl Events) -> Result<()> {
        self.window.extend_from_slice(bytes);
        self.go_on(events)?;
        let done = self.at;
        self.tell(done, events)?;
        self.window.drain(..done);
        (self.at, self.told) = (0, 0);
        Ok(())
    }

    /// Reads what is left, and says where it stops. A statement without its delimiter ends here: the client runs it.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub(in super::super) fn finish(mut self, events: &mut impl Events) -> Result<Stop> {
        self.last = true;
        self.go_on(events)?;
        self.end_word(events)?;
        match std::mem::replace(&mut self.place, Place::Plain) {
            Place::Line(text) => events.comment(&text)?,
            Place::Command(line) => self.delimiter = delimiter_of(&line)?,
            place => self.place = place,
        }
        let end = self.window.len();
        self.tell(end, events)?;
        let stop = match self.place {
            Place::Quoted(_) => Stop::Quote,
            Place::Block => Stop::Comment,
            _ if !self.empty => Stop::Statement,
            _ => Stop::Between,
        };
        if !self.empty {
            events.end()?;
        }
        Ok(stop)
    }

    /// Bytes that are held.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.window.capacity()
    }

    fn go_on(&mut self, events: &mut impl Events) -> Result<()> {
        if !self.begun && (self.last || self.window.len() >= BYTE_ORDER_MARK.len()) {
            self.begun = true;
            self.at = if self.comes(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
        }
        while self.at < self.window.len() && (self.last || self.window.len() - self.at > AHEAD) {
            self.step(events)?;
        }
        Ok(())
    }

    /// Gives the bytes before this one away.
    fn tell(&mut self, until: usize, events: &mut impl Events) -> Result<()> {
        if until > self.told {
            events.bytes(self.window.get(self.told..until).unwrap_or_default())?;
            self.told = until;
        }
        Ok(())
    }

    fn peek(&self, offset: usize) -> Option<u8> {
        self.window.get(self.at + offset).copied()
    }

    fn rest(&self) -> &[u8] {
        self.window.get(self.at..).unwrap_or_default()
    }

    fn comes(&self, text: &[u8]) -> bool {
        self.rest().starts_with(text)
    }

    /// Whether `/*` comes, and is none that servers read.
    fn comment_comes(&self) -> bool {
        self.comes(b"/*") && !self.comes(b"/*!") && !self.comes(b"/*M!")
    }

    fn step(&mut self, events: &mut impl Events) -> Result<()> {
        let Some(byte) = self.peek(0) else { return Ok(()) };
        match &mut self.place {
            Place::Plain => return self.plain(byte, events),
            Place::Quoted(quoted) => {
                let rest = self.window.get(self.at..).unwrap_or_default();
                let (taken, ended) = quoted.take(rest, self.last);
                if rest.get(..taken).unwrap_or_default().contains(&b'\n') {
                    self.conditional = false;
                }
                self.at += taken;
                if ended {
                    return self.end_quoted(events);
                }
            }
            Place::Line(text) if byte == b'\n' => {
                let text = std::mem::take(text);
                self.place = Place::Plain;
                events.comment(&text)?;
            }
            Place::Line(text) => {
                if text.len() < COMMENT_BYTES {
                    text.push(byte);
                }
                self.at += 1;
            }
            Place::Block => self.block(byte),
            Place::Command(line) if byte == b'\n' => {
                let line = std::mem::take(line);
                self.place = Place::Plain;
                self.delimiter = delimiter_of(&line)?;
            }
            Place::Command(line) => {
                if line.len() < delimiter::LINE_BYTES {
                    line.push(byte);
                }
                self.at += 1;
            }
        }
        Ok(())
    }

    /// As the client does it: `/*` in a comment is passed over, and `/*!` in it has an end of its own in the same line.
    fn block(&mut self, byte: u8) {
        if self.comment_comes() {
            self.at += 2;
        } else if self.comes(b"*/") && !self.conditional {
            self.at += 2;
            self.place = Place::Plain;
        } else {
            if self.comes(b"/*!") {
                self.conditional = true;
            } else if self.comes(b"*/") {
                self.conditional = false;
            } else if byte == b'\n' {
                self.new_line();
            }
            self.at += 1;
        }
    }

    fn new_line(&mut self) {
        self.line_start = true;
        self.conditional = false;
        self.indented = false;
        self.after_delimiter = false;
    }

    fn begin(&mut self, events: &mut impl Events) -> Result<()> {
        if !self.empty {
            return Ok(());
        }
        self.tell(self.at, events)?;
        (self.empty, self.empty_with_comments, self.wanted) = (false, false, true);
        events.begin()
    }

    fn end(&mut self, events: &mut impl Events) -> Result<()> {
        self.end_word(events)?;
        self.at += self.delimiter.len();
        self.tell(self.at, events)?;
        let begun = !self.empty;
        (self.empty, self.empty_with_comments, self.after_delimiter) = (true, true, true);
        (self.left_out, self.wanted, self.indented) = (false, false, false);
        if begun {
            self.modes = events.end()?;
        }
        Ok(())
    }

    fn end_word(&mut self, events: &mut impl Events) -> Result<()> {
        match self.word.take() {
            Some(word) => self.token(Token::Word(text_of(&word)), events),
            None => Ok(()),
        }
    }

    fn end_quoted(&mut self, events: &mut impl Events) -> Result<()> {
        let Place::Quoted(quoted) = std::mem::replace(&mut self.place, Place::Plain) else { return Ok(()) };
        let is_name = quoted.quote == b'`' || quoted.quote == b'"' && self.modes.ansi_quotes;
        let text = text_of(&quoted.kept);
        self.token(if is_name { Token::Name(text) } else { Token::Text(text) }, events)
    }

    fn sign(&mut self, byte: u8, events: &mut impl Events) -> Result<()> {
        self.token(Token::Sign(byte), events)
    }

    fn token(&mut self, token: Token, events: &mut impl Events) -> Result<()> {
        if self.wanted && !self.left_out {
            self.wanted = events.token(token)?;
        }
        Ok(())
    }
}

fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
