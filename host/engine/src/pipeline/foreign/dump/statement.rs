//! What a statement of a dump does, as far as a restore has to know.

use super::super::sql::Token;
use super::setting::Assignment;

/// A name, with its database when that is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) database: Option<String>,
    pub(super) name: String,
}

/// What has names of its own within a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A table, a view or a sequence: they share their names.
    Table,
    /// A procedure, a function or a package.
    Routine,
    /// An event.
    Event,
}

/// How something is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// It must not be there.
    Fresh,
    /// What is there stays.
    IfAbsent,
    /// What is there goes.
    OrReplace,
}

/// What a statement does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Does {
    Use(String),
    MakeDatabase(String, How),
    DropDatabase(String),
    Make(Kind, Named, How),
    Drop(Kind, Vec<Named>),
    /// Writes rows into a table.
    Fill(Named),
    /// Works on a table in another way.
    Touch(Named),
    FlushPrivileges,
    Set(Vec<Assignment>),
    /// Changes whom the server follows, by its first two words.
    Replication(String),
    /// A command of the client that is not at the start of a line.
    Delimiter,
    Nothing,
}

impl Does {
    /// Reads the first tokens of a statement.
    pub(super) fn of(tokens: &[Token]) -> Self {
        let mut at = At(tokens);
        at.statement().unwrap_or(Self::Nothing)
    }
}

/// What is left of the tokens.
pub(super) struct At<'t>(pub(super) &'t [Token]);

impl At<'_> {
    pub(super) fn next(&mut self) -> Option<&Token> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    /// Passes over a word, if it comes.
    pub(super) fn word(&mut self, word: &str) -> bool {
        let comes = self.0.first().is_some_and(|token| token.is(word));
        if comes {
            self.next();
        }
        comes
    }

    pub(super) fn any(&mut self, words: &[&str]) -> bool {
        words.iter().any(|word| self.word(word))
    }

    pub(super) fn sign(&mut self, sign: u8) -> bool {
        let comes = self.0.first() == Some(&Token::Sign(sign));
        if comes {
            self.next();
        }
        comes
    }

    pub(super) fn name(&mut self) -> Option<String> {
        Some(self.next()?.name()?.to_owned())
    }

    fn named(&mut self) -> Option<Named> {
        let first = self.name()?;
        Some(match self.sign(b'.') {
            true => Named { database: Some(first), name: self.name()? },
            false => Named { database: None, name: first },
        })
    }

    fn statement(&mut self) -> Option<Does> {
        let verb = self.next()?.word()?;
        Some(match verb.as_str() {
            "USE" => Does::Use(self.name()?),
            "CREATE" => self.create()?,
            "DROP" => self.drop()?,
            "INSERT" | "REPLACE" => {
                while self.any(&["LOW_PRIORITY", "HIGH_PRIORITY", "DELAYED", "IGNORE", "INTO"]) {}
                Does::Fill(self.named()?)
            }
            "LOAD" => {
                while !(self.word("INTO") && self.word("TABLE")) {
                    self.next()?;
                }
                Does::Fill(self.named()?)
            }
            "ALTER" => {
                while self.any(&["ONLINE", "IGNORE"]) {}
                if !self.word("TABLE") {
                    return None;
                }
                self.if_exists();
                Does::Touch(self.named()?)
            }
            "LOCK" | "TRUNCATE" | "UPDATE" | "DELETE" => {
                while self.any(&["TABLES", "TABLE", "LOW_PRIORITY", "QUICK", "IGNORE", "FROM"]) {}
                Does::Touch(self.named()?)
            }
            "FLUSH" => {
                while self.any(&["LOCAL", "NO_WRITE_TO_BINLOG"]) {}
                let only = self.word("PRIVILEGES") && self.0.is_empty();
                if only { Does::FlushPrivileges } else { Does::Nothing }
            }
            "SET" => Does::Set(self.assignments()),
            "CHANGE" | "START" | "STOP" | "RESET" => {
                let _all = self.word("ALL");
                let what = self.next()?.word()?;
                let replication = ["MASTER", "SLAVE", "SLAVES", "REPLICA", "REPLICAS", "REPLICATION"];
                if replication.contains(&what.as_str()) {
                    Does::Replication(format!("{verb} {what}"))
                } else {
                    Does::Nothing
                }
            }
            other if other.starts_with("DELIMITER") => Does::Delimiter,
            _ => Does::Nothing,
        })
    }

    fn if_exists(&mut self) {
        if self.word("IF") {
            let _exists = self.word("EXISTS");
        }
    }

    fn create(&mut self) -> Option<Does> {
        let mut how = How::Fresh;
        if self.word("OR") && self.word("REPLACE") {
            how = How::OrReplace;
        }
        if self.word("TEMPORARY") {
            return None;
        }
        // Between the verb and the kind there may be an algorithm, a definer, and the rights that a view is read with.
        let kind = loop {
            let token = self.next()?;
            if *token == Token::Sign(b'(') {
                return None;
            }
            if let Some(kind) = token.word().and_then(|word| kind_of(&word)) {
                break kind;
            }
        };
        let _body = self.word("BODY");
        if self.word("IF") && self.word("NOT") && self.word("EXISTS") {
            how = How::IfAbsent;
        }
        match kind? {
            Thing::Database => Some(Does::MakeDatabase(self.name()?, how)),
            Thing::Object(kind) => Some(Does::Make(kind, self.named()?, how)),
        }
    }

    fn drop(&mut self) -> Option<Does> {
        let word = self.next()?.word()?;
        let kind = kind_of(&word)??;
        let _body = self.word("BODY");
        self.if_exists();
        if kind == Thing::Database {
            return Some(Does::DropDatabase(self.name()?));
        }
        let Thing::Object(kind) = kind else { return None };
        let mut names = vec![self.named()?];
        while self.sign(b',') {
            names.push(self.named()?);
        }
        Some(Does::Drop(kind, names))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Thing {
    Database,
    Object(Kind),
}

/// What a word says that is made or dropped; nothing within for what has no names that matter.
fn kind_of(word: &str) -> Option<Option<Thing>> {
    Some(match word {
        "DATABASE" | "SCHEMA" => Some(Thing::Database),
        "TABLE" | "TABLES" | "VIEW" | "SEQUENCE" => Some(Thing::Object(Kind::Table)),
        "PROCEDURE" | "FUNCTION" | "PACKAGE" => Some(Thing::Object(Kind::Routine)),
        "EVENT" => Some(Thing::Object(Kind::Event)),
        "TRIGGER" | "USER" | "ROLE" | "SERVER" | "INDEX" => None,
        _ => return None,
    })
}
