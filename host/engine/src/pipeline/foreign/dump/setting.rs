//! What a `SET` sets.

use super::super::sql::Token;
use super::statement::At;

/// A value that a variable gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// A text, a word or a number.
    Plain(String),
    /// A variable of the user's, by its name in small letters.
    Saved(String),
    /// A variable of the session, by its name in small letters.
    System(String),
    /// Anything else.
    Other,
}

/// Whose variable it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    Saved,
    Session,
    Global,
}

/// One part of a `SET`. The name is in small letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Assignment {
    pub(super) scope: Scope,
    pub(super) name: String,
    pub(super) value: Value,
}

impl At<'_> {
    /// All parts of a `SET`.
    pub(super) fn assignments(&mut self) -> Vec<Assignment> {
        let mut all = Vec::new();
        while !self.0.is_empty() {
            let assignment = self.assignment();
            all.extend(assignment);
            let mut depth = 0_usize;
            while let Some(token) = self.next() {
                match token {
                    Token::Sign(b'(') => depth += 1,
                    Token::Sign(b')') => depth = depth.saturating_sub(1),
                    Token::Sign(b',') if depth == 0 => break,
                    _ => {}
                }
            }
        }
        all
    }

    fn assignment(&mut self) -> Option<Assignment> {
        let (scope, name) = self.variable()?;
        let _colon = self.sign(b':');
        if !self.sign(b'=') {
            return None;
        }
        Some(Assignment { scope, name, value: self.value() })
    }

    fn variable(&mut self) -> Option<(Scope, String)> {
        let scope = if self.sign(b'@') {
            if !self.sign(b'@') {
                let name = match self.next()? {
                    Token::Word(name) | Token::Name(name) | Token::Text(name) => name.to_lowercase(),
                    Token::Sign(_) => return None,
                };
                return Some((Scope::Saved, name));
            }
            self.scope(true)
        } else {
            self.scope(false)
        };
        Some((scope, self.name()?.to_lowercase()))
    }

    /// `GLOBAL x`, `@@GLOBAL.x`.
    fn scope(&mut self, dotted: bool) -> Scope {
        let scope = if self.word("GLOBAL") {
            Scope::Global
        } else if self.any(&["SESSION", "LOCAL"]) {
            Scope::Session
        } else {
            return Scope::Session;
        };
        if dotted {
            self.sign(b'.');
        }
        scope
    }

    fn value(&mut self) -> Value {
        let start = self.0;
        let value = match self.0 {
            [Token::Sign(b'@'), ..] => match self.variable() {
                Some((Scope::Saved, name)) => Value::Saved(name),
                Some((Scope::Session, name)) => Value::System(name),
                _ => Value::Other,
            },
            [Token::Word(text) | Token::Text(text) | Token::Name(text), rest @ ..] => {
                self.0 = rest;
                Value::Plain(text.clone())
            }
            _ => Value::Other,
        };
        if matches!(self.0.first(), None | Some(Token::Sign(b','))) {
            return value;
        }
        self.0 = start;
        Value::Other
    }
}
