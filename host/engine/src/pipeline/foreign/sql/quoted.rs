//! A text or a quoted name while it passes.

use super::TOKEN_BYTES;

/// What is between two quotes.
pub(super) struct Quoted {
    /// The quote.
    pub(super) quote: u8,
    /// What it holds, as much of it as is kept.
    pub(super) kept: Vec<u8>,
    /// Whether a backslash takes the meaning off what follows.
    escapes: bool,
    wanted: bool,
}

impl Quoted {
    pub(super) fn new(quote: u8, escapes: bool, wanted: bool) -> Self {
        Self { quote, kept: Vec::new(), escapes, wanted }
    }

    /// Takes bytes up to the next that matters, and that: how many, and whether the quote has ended. `last` when no more bytes come.
    pub(super) fn take(&mut self, bytes: &[u8], last: bool) -> (usize, bool) {
        let (quote, escapes) = (self.quote, self.escapes);
        let matters = |byte: &u8| *byte == quote || escapes && *byte == b'\\';
        let Some(at) = bytes.iter().position(matters) else {
            self.keep(bytes);
            return (bytes.len(), false);
        };
        self.keep(bytes.get(..at).unwrap_or_default());
        let Some(next) = bytes.get(at + 1).copied() else {
            // Whether the quote is doubled is known with the next byte, if there is one.
            return (at + usize::from(last), last && bytes.get(at) == Some(&quote));
        };
        if bytes.get(at) != Some(&quote) {
            self.keep(&[escaped(next)]);
            return (at + 2, false);
        }
        if next == quote {
            self.keep(&[quote]);
            return (at + 2, false);
        }
        (at + 1, true)
    }

    fn keep(&mut self, bytes: &[u8]) {
        if self.wanted {
            let room = TOKEN_BYTES.saturating_sub(self.kept.len());
            self.kept.extend(bytes.iter().take(room));
        }
    }
}

/// What a letter means after a backslash.
fn escaped(letter: u8) -> u8 {
    match letter {
        b'n' => b'\n',
        b't' => b'\t',
        b'r' => b'\r',
        b'0' => 0,
        other => other,
    }
}
