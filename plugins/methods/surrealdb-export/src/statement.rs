//! What kind of statement an export has.

use surql::unquote;

/// A statement of an export, as far as a backup and a restore tell them apart.
#[derive(Debug, PartialEq, Eq)]
pub enum Statement {
    /// `OPTION IMPORT`, with which every export begins.
    Import,
    Table {
        name: String,
        /// Whether its records are computed from those of others.
        view: bool,
    },
    /// `DEFINE ACCESS`, of which servers hide the keys.
    Access,
    /// Another definition, by its kind in capitals, e.g. `INDEX`.
    Definition(String),
    /// An edge of a table that keeps no records of edges.
    Edge,
    Other,
}

impl Statement {
    pub fn read(text: &str) -> Self {
        let (first, rest) = word(text);
        match first.to_ascii_uppercase().as_str() {
            "OPTION" if word(rest).0.eq_ignore_ascii_case("IMPORT") => Self::Import,
            "RELATE" => Self::Edge,
            "DEFINE" => {
                let (kind, rest) = word(rest);
                match kind.to_ascii_uppercase().as_str() {
                    "TABLE" => match unquote(without_manner(rest)) {
                        Some((name, rest)) => Self::Table { name, view: is_view(rest) },
                        None => Self::Other,
                    },
                    "ACCESS" => Self::Access,
                    kind => Self::Definition(kind.to_owned()),
                }
            }
            _ => Self::Other,
        }
    }

    /// The kind under which definitions are counted; tables are counted one by one, and a database says nothing of itself.
    pub fn counted_kind(&self) -> Option<&str> {
        match self {
            Self::Access => Some("ACCESS"),
            Self::Definition(kind) if kind != "DATABASE" => Some(kind),
            _ => None,
        }
    }
}

/// A definition of a field that also takes the place of one that is there: a relation makes some of its fields itself, and an array those of
/// its elements. Servers of 2.x export it without saying so.
pub fn field_in_place(definition: &str) -> Option<String> {
    let (define, rest) = word(definition);
    let (field, rest) = word(rest);
    let manner = word(rest).0.to_ascii_uppercase();
    let is_plain = field.eq_ignore_ascii_case("FIELD") && manner != "OVERWRITE" && manner != "IF";
    is_plain.then(|| format!("{define} {field} OVERWRITE{rest}"))
}

/// The first word, and what follows it.
fn word(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    text.split_at(text.find(char::is_whitespace).unwrap_or(text.len()))
}

/// A definition without `OVERWRITE` and `IF NOT EXISTS`.
fn without_manner(text: &str) -> &str {
    let (first, rest) = word(text);
    match first.to_ascii_uppercase().as_str() {
        "OVERWRITE" => rest.trim_start(),
        "IF" => word(word(rest).1).1.trim_start(),
        _ => text.trim_start(),
    }
}

/// As servers write it. A comment that holds these words makes a table a view that is none, which does no harm: its records are compared less
/// strictly.
fn is_view(definition: &str) -> bool {
    definition.contains(" AS SELECT ") || definition.contains(" AS (SELECT ")
}
