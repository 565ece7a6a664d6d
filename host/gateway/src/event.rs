//! Events: one row that changed.

use bulkhead_model::{Failure, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What happened to the row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Operation {
    Create,
    Update,
    Delete,
}

impl Operation {
    /// Reads it as it comes, in capitals or not.
    ///
    /// # Errors
    /// `invalid` for anything else.
    pub fn parse(text: &str) -> Result<Self> {
        match text.to_ascii_uppercase().as_str() {
            "CREATE" => Ok(Self::Create),
            "UPDATE" => Ok(Self::Update),
            "DELETE" => Ok(Self::Delete),
            _ => Err(Failure::invalid(format!("`op` is {text:?}")).with_hint("use CREATE, UPDATE or DELETE")),
        }
    }
}

/// A row that changed, as it stands in the log, in a stream processor's queue and in the body of its `/ingest`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Change {
    pub table: String,
    pub op: Operation,
    /// `table:key`, or the key alone.
    pub id: String,
    /// The row afterwards; of a deleted one, as it was.
    pub record: Value,
}

impl Change {
    /// The table to which the id belongs, when that is not the event's: deleting a record deletes its edges, and the server
    /// reports them with the table of the record. Such an event says nothing about a row of its table.
    pub fn foreign_table(&self) -> Option<&str> {
        let (table, _) = self.id.split_once(':')?;
        let plain = !table.is_empty() && table.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        (plain && table != self.table).then_some(table)
    }
}

/// A change that has its place in the order of things.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Event {
    /// One more than any before, over restarts and restores.
    pub sequence: u64,
    pub change: Change,
    /// Its bytes in the log, by which its weight in memory is judged.
    pub bytes: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(table: &str, id: &str) -> Change {
        Change { table: table.to_owned(), op: Operation::Delete, id: id.to_owned(), record: Value::Null }
    }

    #[test]
    fn an_id_of_another_table_is_seen() {
        assert_eq!(change("release", "edge:web").foreign_table(), Some("edge"));
        for own in ["release:web", "web", "⟨a⟩:b", ":x", "{a: 1}", "['a:b']"] {
            assert_eq!(change("release", own).foreign_table(), None, "{own}");
        }
    }

    #[test]
    fn three_operations_are_known() {
        assert_eq!(Operation::parse("create").unwrap(), Operation::Create);
        assert!(Operation::parse("MERGE").unwrap_err().message.contains("`op` is \"MERGE\""));
        assert_eq!(serde_json::to_string(&Operation::Delete).unwrap(), "\"DELETE\"");
    }
}
