//! What a server says about each statement.

use bulkhead_model::{Failure, Result};
use serde_json::Value;

use crate::words;

/// The outcome of one statement.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Its value, or why it failed in the server's words.
    pub result: Result<Value, String>,
}

impl Answer {
    /// Reads the answers to one request.
    ///
    /// # Errors
    /// `other` when this is not what a SurrealDB server answers.
    pub(crate) fn read_all(body: &[u8]) -> Result<Vec<Self>> {
        let strange = || {
            Failure::new(
                bulkhead_model::FailureKind::Other("protocol".to_owned()),
                "the answer is not one of a SurrealDB server",
            )
            .with_hint("check host and port of the service")
        };
        let Ok(Value::Array(entries)) = serde_json::from_slice(body) else { return Err(strange()) };
        entries.into_iter().map(|entry| Self::read(entry).ok_or_else(strange)).collect()
    }

    fn read(mut entry: Value) -> Option<Self> {
        let result = entry.get_mut("result").map(Value::take).unwrap_or_default();
        match entry.get("status")?.as_str()? {
            "OK" => Some(Self { result: Ok(result) }),
            // Anything else is no success, whatever it is called.
            _ => Some(Self {
                result: Err(match result {
                    Value::String(words) => words,
                    other => other.to_string(),
                }),
            }),
        }
    }
}

/// The values of the statements when all of them have succeeded.
///
/// # Errors
/// The first failed statement with its number, counted from 1.
pub(crate) fn all_or_failure(answers: Vec<Answer>) -> Result<Vec<Value>> {
    // Inside of a transaction one statement fails for a reason, and all others because of it.
    let culprit = answers
        .iter()
        .position(|answer| answer.result.as_ref().is_err_and(|words| !words::is_consequence(words)))
        .or_else(|| answers.iter().position(|answer| answer.result.is_err()));
    match culprit.map(|at| (at, &answers[at].result)) {
        Some((at, Err(words))) => Err(words::statement_failure(words).context(format!("statement {}", at + 1))),
        _ => Ok(answers.into_iter().filter_map(|answer| answer.result.ok()).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_statement_is_never_hidden() {
        let body = br#"[{"result":[1],"status":"OK","time":"1ms"},{"result":"no such table","status":"ERR"}]"#;
        let answers = Answer::read_all(body).unwrap();
        assert_eq!(answers[0].result, Ok(serde_json::json!([1])));
        assert_eq!(answers[1].result, Err("no such table".to_owned()));
        assert_eq!(all_or_failure(answers).unwrap_err().message, "statement 2: no such table");
        // A status that nobody knows is no success, and an answer without one is none of SurrealDB.
        assert!(Answer::read_all(br#"[{"result":1,"status":"MAYBE"}]"#).unwrap()[0].result.is_err());
        for strange in ["", "{}", "[1]", r#"[{"result":1}]"#, "<html>"] {
            assert!(Answer::read_all(strange.as_bytes()).is_err(), "{strange}");
        }
    }

    #[test]
    fn of_a_transaction_the_statement_that_failed_first_is_named() {
        let body = br#"[
            {"result":"The query was not executed due to a failed transaction","status":"ERR"},
            {"result":"Database record `a:1` already exists","status":"ERR"},
            {"result":"The query was not executed due to a cancelled transaction","status":"ERR"}
        ]"#;
        let failure = all_or_failure(Answer::read_all(body).unwrap()).unwrap_err();
        assert_eq!(failure.message, "statement 2: Database record `a:1` already exists");
    }
}
