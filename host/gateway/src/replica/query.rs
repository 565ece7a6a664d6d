//! What stream processors ask of the replica.

use bulkhead_model::{Failure, Result};
use bulkhead_surrealdb::{Client, Scope};
use serde_json::Value;

use super::is_missing;

/// Statements that read.
const READS: &[&str] = &["SELECT", "RETURN", "INFO", "SHOW", "LET", "("];
/// Words that write, wherever they stand.
const WRITES: &[&str] = &[
    "ALTER", "CREATE", "DEFINE", "DELETE", "INSERT", "KILL", "LIVE", "REBUILD", "RELATE", "REMOVE", "UPDATE", "UPSERT",
    "USE",
];

/// The value of the first statement. A table that is not there holds nothing.
///
/// # Errors
/// As the server says.
pub(crate) async fn query(client: &Client, scope: &Scope, sql: &str) -> Result<Value> {
    match client.query(Some(scope), sql).await?.into_iter().next().map(|answer| answer.result) {
        Some(Ok(value)) => Ok(value),
        Some(Err(words)) if is_missing(&words) => Ok(Value::Array(Vec::new())),
        Some(Err(words)) => Err(Failure::invalid(words)),
        None => Ok(Value::Null),
    }
}

/// Refuses what would write: the replica would no longer be what its position says. Functions of the database are not looked into.
///
/// # Errors
/// `invalid`, naming the word.
pub(crate) fn check_reads(sql: &str) -> Result<()> {
    let statements =
        surql::statements(sql).map_err(|unfinished| Failure::invalid(format!("`query` does not end: {unfinished}")))?;
    for statement in statements {
        let words = words(statement.text);
        let first = words.first().map(String::as_str).unwrap_or_default();
        if !READS.contains(&first) {
            return Err(Failure::invalid(format!("`query` begins a statement with {first:?}"))
                .with_hint("the replica is only read: use SELECT, RETURN, INFO or SHOW"));
        }
        if let Some(word) = words.iter().find(|word| WRITES.contains(&word.as_str())) {
            return Err(Failure::invalid(format!("`query` has the word {word}, and the replica is only read"))
                .with_hint("put the name of a field into backticks"));
        }
    }
    Ok(())
}

/// The words of a statement in capitals, without those that can only be names: quoted, of a field, a variable or a key.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut chars = text.chars().peekable();
    let mut before = ' ';
    while let Some(char) = chars.next() {
        let quoted = match char {
            '\'' | '"' | '`' => Some(char),
            '⟨' => Some('⟩'),
            _ => None,
        };
        if let Some(end) = quoted {
            while let Some(inside) = chars.next() {
                match inside {
                    '\\' => drop(chars.next()),
                    inside if inside == end => break,
                    _ => {}
                }
            }
        } else if char == '#' || (matches!(char, '-' | '/') && chars.peek() == Some(&char)) {
            while chars.next().is_some_and(|inside| inside != '\n') {}
        } else if char == '/' && chars.peek() == Some(&'*') {
            let mut star = false;
            for inside in chars.by_ref().skip(1) {
                if star && inside == '/' {
                    break;
                }
                star = inside == '*';
            }
        } else if char.is_alphanumeric() || char == '_' {
            let mut word = String::from(char);
            while let Some(inside) = chars.next_if(|inside| inside.is_alphanumeric() || *inside == '_') {
                word.push(inside);
            }
            let is_name = matches!(before, '.' | '$' | ':' | '@') || chars.peek() == Some(&':');
            if !is_name {
                words.push(word.to_uppercase());
            }
        } else if char == '(' && words.is_empty() {
            words.push("(".to_owned());
        }
        if !char.is_whitespace() {
            before = char;
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_are_let_through_and_writes_are_not() {
        for sql in [
            "SELECT * OMIT a FROM user WHERE id > type::record('user', 'x') ORDER BY id LIMIT 200",
            "info for db; SELECT 'DELETE it' AS `delete`, a.update, $update, { create: 1 } FROM x -- REMOVE\n;",
            "/* UPDATE */ RETURN [1, ⟨insert⟩, define:1]",
            "(SELECT count() FROM a)",
            "LET $a = 1; SELECT * FROM a WHERE b = $a",
        ] {
            check_reads(sql).unwrap();
        }
        for (sql, word) in [
            ("DELETE user", "DELETE"),
            ("SELECT * FROM (update user SET a = 1)", "UPDATE"),
            ("SELECT 1; REMOVE TABLE user", "REMOVE"),
            ("RETURN { LET $a = (CREATE user); $a }", "CREATE"),
            ("SELECT 1 /* a */ ; USE NS b", "USE"),
            ("IF true { DELETE user }", "IF"),
            ("SELECT 'a' + \"b\" FROM (UPSERT a:1)", "UPSERT"),
        ] {
            assert!(check_reads(sql).unwrap_err().message.contains(word), "{sql}");
        }
        assert!(check_reads("SELECT 'a").unwrap_err().message.contains("does not end"));
    }
}
