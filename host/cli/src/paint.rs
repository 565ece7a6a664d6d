//! Colours for people, and nothing that a stranger wrote for a terminal.

use std::borrow::Cow;
use std::env;
use std::io::{IsTerminal, stderr, stdout};

use bulkhead_model::is_hidden;

/// What a colour says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// Done.
    Good,
    /// Not done yet, or to be careful with.
    Careful,
    /// Failed.
    Bad,
}

const PLAIN: &str = "\x1b[0m";

impl Colour {
    const ALL: [Self; 3] = [Self::Good, Self::Careful, Self::Bad];

    const fn begins(self) -> &'static str {
        match self {
            Self::Good => "\x1b[32m",
            Self::Careful => "\x1b[33m",
            Self::Bad => "\x1b[31m",
        }
    }
}

/// Where something is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

impl Stream {
    /// Whether colours are wanted there: on a terminal that knows them, unless `NO_COLOR` is set (<https://no-color.org>).
    fn takes_colours(self) -> bool {
        let terminal = match self {
            Self::Out => stdout().is_terminal(),
            Self::Err => stderr().is_terminal(),
        };
        let refused = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let able = env::var_os("TERM").is_some_and(|term| !term.is_empty() && term != "dumb");
        terminal && able && !refused
    }
}

/// The text in a colour, where that is wanted.
pub fn paint(text: &str, colour: Colour, on: Stream) -> String {
    if on.takes_colours() { coloured(text, colour) } else { text.to_owned() }
}

fn coloured(text: &str, colour: Colour) -> String {
    format!("{}{text}{PLAIN}", colour.begins())
}

/// How wide a text is when it is shown, our colours left out.
pub fn width(text: &str) -> usize {
    let mut rest = text;
    let mut width = 0;
    while let Some(first) = rest.chars().next() {
        match own_sequence(rest) {
            Some(length) => rest = &rest[length..],
            None => {
                width += 1;
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    width
}

/// The text without anything that moves a cursor, rings, hides or turns round what is read: names and messages may be a stranger's. Line
/// breaks and our own colours stay.
pub fn harmless(text: &str) -> Cow<'_, str> {
    if !text.contains(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match own_sequence(rest) {
            Some(length) => {
                shown.push_str(&rest[..length]);
                length
            }
            None if is_harmful(first) => {
                shown.extend(first.escape_default());
                first.len_utf8()
            }
            None => {
                shown.push(first);
                first.len_utf8()
            }
        };
        rest = &rest[length..];
    }
    Cow::Owned(shown)
}

fn is_harmful(c: char) -> bool {
    is_hidden(c) && c != '\n'
}

fn own_sequence(text: &str) -> Option<usize> {
    let ours = Colour::ALL.map(Colour::begins).into_iter().chain([PLAIN]);
    ours.into_iter().find(|sequence| text.starts_with(sequence)).map(str::len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_stranger_writes_does_nothing_to_a_terminal() {
        assert_eq!(harmless("before-migration (a1b2c3d4)\nü"), "before-migration (a1b2c3d4)\nü");
        assert_eq!(harmless("a\x1b[2Jb\rc\u{7}d\u{202e}e\t"), r"a\u{1b}[2Jb\rc\u{7}d\u{202e}e\t");
        let ours = coloured("completed", Colour::Good);
        assert_eq!(harmless(&format!("{ours}\x1b[31")), format!("{ours}\\u{{1b}}[31"));
    }

    #[test]
    fn colours_take_no_room() {
        assert_eq!(width(&coloured("übel", Colour::Bad)), 4);
        assert_eq!(width("\x1b"), 1);
    }
}
