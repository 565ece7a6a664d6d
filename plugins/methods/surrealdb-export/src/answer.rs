//! What a server says of the statements that it was given.

use bulkhead_plugin_sdk::method::{Failure, Result};
use serde_json::Value;

/// The most of a server's words that is shown.
const SHOWN: usize = 300;

/// The outcome of one statement.
pub struct Answer(pub Result<Value, Refused>);

/// A statement that did not succeed.
pub struct Refused {
    words: String,
}

impl Answer {
    /// Reads the answers to one request. `None` for what is none of a SurrealDB server.
    pub fn read_all(body: &str) -> Option<Vec<Self>> {
        let Ok(Value::Array(entries)) = serde_json::from_str(body) else { return None };
        entries.into_iter().map(Self::read).collect()
    }

    fn read(mut entry: Value) -> Option<Self> {
        let result = entry.get_mut("result").map(Value::take).unwrap_or_default();
        // Whatever else a status may be called, it is no success.
        if entry.get("status")?.as_str()? == "OK" {
            return Some(Self(Ok(result)));
        }
        Some(Self(Err(Refused { words: result.as_str().map_or_else(|| result.to_string(), str::to_owned) })))
    }
}

impl Refused {
    /// The server's words, as a refusal of a whole request has them.
    pub fn new(words: &str) -> Self {
        Self { words: words.to_owned() }
    }

    /// Whether it would have gone well alone: nothing of it was done.
    pub fn is_conflict(&self) -> bool {
        ["can be retried", "Transaction conflict", "read or write conflict", "still being reclaimed"]
            .iter()
            .any(|sign| self.words.contains(sign))
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        let words = shown(&refused.words);
        if ["IAM error", "Not enough permissions", "not allowed to"].iter().any(|sign| refused.words.contains(sign)) {
            return Self::denied(words);
        }
        if refused.is_conflict() {
            return Self::unavailable(words);
        }
        Self::invalid(words)
    }
}

/// The first line of a server's words: what follows quotes the statement, and that may hold a secret.
pub fn shown(words: &str) -> String {
    let line = words.lines().find(|line| !line.trim().is_empty()).unwrap_or("the server gave no reason").trim();
    let mut shown: String = line.chars().filter(|char| !char.is_control()).take(SHOWN).collect();
    if let Some(first) = shown.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    shown
}
