//! What is neither in quotes nor in a comment.

use bulkhead_model::Result;

use super::super::delimiter::{self, is_blank, strange};
use super::super::quoted::Quoted;
use super::super::{Events, NO_SERVER, OF_MYSQL, TOKEN_BYTES};
use super::{AHEAD, Lexer, Place};

impl Lexer {
    /// Reads one byte, or as many as mean nothing.
    pub(super) fn plain(&mut self, byte: u8, events: &mut impl Events) -> Result<()> {
        if !self.wanted && !self.empty && self.word.is_none() {
            // Rows: nothing of them is wanted but their end.
            let dull = self.rest().iter().position(|byte| self.matters(*byte)).unwrap_or(self.rest().len());
            let dull = if self.last { dull } else { dull.min((self.window.len() - self.at).saturating_sub(AHEAD)) };
            if dull > 0 {
                self.at += dull;
                return Ok(());
            }
        }
        if is_blank(byte) {
            self.end_word(events)?;
            if byte == b'\n' {
                self.empty_with_comments &= !self.indented;
                self.new_line();
            } else {
                self.indented |= !self.after_delimiter;
            }
            self.at += 1;
            return Ok(());
        }
        let first = std::mem::replace(&mut self.line_start, false);
        self.after_delimiter = false;
        if first && self.empty && delimiter::comes(self.rest()) {
            if !self.empty_with_comments {
                return Err(strange(
                    "a comment or a blank before `DELIMITER`, which not every client takes for its own",
                ));
            }
            self.indented = false;
            self.place = Place::Command(Vec::new());
            return Ok(());
        }
        self.empty_with_comments &= !self.indented;
        if byte == b'\\' {
            self.begin(events)?;
            self.end_word(events)?;
            self.sign(byte, events)?;
            self.at += if matches!(self.peek(1), None | Some(b'\n')) { 1 } else { 2 };
            return Ok(());
        }
        if self.comes(&self.delimiter) {
            return self.end(events);
        }
        let dashes = self.comes(b"--") && (self.empty || self.peek(2).is_none_or(|byte| byte == 0 || is_blank(byte)));
        if byte == b'#' || dashes {
            self.end_word(events)?;
            self.place = Place::Line(Vec::new());
            return Ok(());
        }
        if self.comment_comes() {
            self.end_word(events)?;
            self.empty_with_comments = false;
            self.at += 2;
            self.place = Place::Block;
            return Ok(());
        }
        self.begin(events)?;
        self.text(byte, events)
    }

    /// A byte of a statement.
    fn text(&mut self, byte: u8, events: &mut impl Events) -> Result<()> {
        if is_word(byte) {
            if self.wanted {
                let word = self.word.get_or_insert_default();
                if word.len() < TOKEN_BYTES {
                    word.push(byte);
                }
            }
            self.at += 1;
            return Ok(());
        }
        self.end_word(events)?;
        let closing = std::mem::take(&mut self.closing);
        if matches!(byte, b'\'' | b'"' | b'`') {
            let escapes = byte != b'`' && !self.modes.plain_backslash && !(byte == b'"' && self.modes.ansi_quotes);
            self.place = Place::Quoted(Quoted::new(byte, escapes, self.wanted && !self.left_out));
        } else if self.comes(b"/*!") || self.comes(b"/*M!") {
            self.open_conditional();
            return Ok(());
        } else if self.comes(b"*/") {
            // The client reads the slash by itself: it may belong to a delimiter, or open another comment.
            (self.conditional, self.left_out, self.closing) = (false, false, true);
        } else if !(closing && byte == b'/') {
            self.sign(byte, events)?;
        }
        self.at += 1;
        Ok(())
    }

    /// `/*!`, `/*!50003`, `/*M!100108`.
    fn open_conditional(&mut self) {
        let of_mariadb = self.comes(b"/*M!");
        let mark = if of_mariadb { 4 } else { 3 };
        // The client knows nothing of the form that is MariaDB's own.
        self.conditional |= !of_mariadb;
        let digits = self.rest().iter().skip(mark).take(6).take_while(|byte| byte.is_ascii_digit()).count();
        let version = self.rest().get(mark..mark + digits).unwrap_or_default();
        let version = std::str::from_utf8(version).ok().and_then(|version| version.parse::<u32>().ok()).unwrap_or(0);
        self.left_out |= version >= NO_SERVER || !of_mariadb && OF_MYSQL.contains(&version);
        self.at += mark + if digits >= 5 { digits } else { 0 };
    }

    fn matters(&self, byte: u8) -> bool {
        matches!(byte, b'\'' | b'"' | b'`' | b'\\' | b'\n' | b'/' | b'*' | b'-' | b'#')
            || Some(&byte) == self.delimiter.first()
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | 0x80..)
}
