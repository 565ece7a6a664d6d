//! What the replica's tables look like, as far as it matters for writing into them.

use std::collections::BTreeMap;

use bulkhead_model::Result;
use serde_json::Value;

use super::Replica;

/// Kinds that JSON has no form for: their values come as text (or numbers) and have to be told what they are.
const NOT_IN_JSON: &[&str] = &[
    "bytes", "datetime", "decimal", "duration", "file", "float", "geometry", "range", "record", "regex", "set", "uuid",
];

/// One table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Table {
    /// Records are edges, and are made as such.
    pub relation: bool,
    /// Fields by their path (`a`, `a.b`, `a.*`), with the kind of their values.
    fields: BTreeMap<String, String>,
    /// Fields that the server derives when they are read.
    computed: Vec<String>,
}

impl Table {
    /// The kind that a value at this path has to be made into.
    pub fn cast(&self, path: &str) -> Option<&str> {
        self.fields.get(path).map(String::as_str)
    }

    pub fn is_computed(&self, path: &str) -> bool {
        self.computed.iter().any(|computed| computed == path)
    }

    /// Reads `INFO FOR TABLE ... STRUCTURE` and the table's entry of `INFO FOR DB STRUCTURE`.
    pub fn read(info: &Value, entry: &Value) -> Self {
        let mut table = Self { relation: entry["kind"]["kind"] == "RELATION", ..Self::default() };
        for field in info["fields"].as_array().into_iter().flatten() {
            let Some(name) = field["name"].as_str() else { continue };
            if field.get("computed").is_some_and(|computed| !computed.is_null()) {
                table.computed.push(name.to_owned());
            }
            if let Some(kind) = field["kind"].as_str().filter(|kind| needs_cast(kind)) {
                // A server writes the elements of an array as `a[*]` or `a.*`.
                table.fields.insert(name.replace("[*]", ".*"), kind.to_owned());
            }
        }
        table
    }
}

fn needs_cast(kind: &str) -> bool {
    let words = kind.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.into_iter().any(|word| NOT_IN_JSON.contains(&word))
}

impl Replica {
    /// What is known of a table; asked once.
    pub(super) async fn table(&mut self, name: &str) -> Result<Table> {
        if let Some(known) = self.tables.get(name) {
            return Ok(known.clone());
        }
        let sql = format!("INFO FOR DB STRUCTURE; INFO FOR TABLE {} STRUCTURE;", surql::ident(name));
        let answers = self.client.query(Some(&self.scope), &sql).await?;
        let value = |at: usize| answers.get(at).and_then(|answer| answer.result.as_ref().ok());
        let entries = value(0).and_then(|info| info["tables"].as_array());
        let entry = entries.into_iter().flatten().find(|entry| entry["name"] == name);
        let table = match (entry, value(1)) {
            (Some(entry), Some(info)) => Table::read(info, entry),
            // Made by its first record.
            _ => Table::default(),
        };
        self.tables.insert(name.to_owned(), table.clone());
        Ok(table)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn kinds_that_json_has_are_left_alone() {
        let info = json!({"fields": [
            {"name": "at", "kind": "none | datetime"}, {"name": "n", "kind": "int"}, {"name": "s", "kind": "option<string>"},
            {"name": "links[*]", "kind": "record<user>"}, {"name": "records", "kind": "array<object>"},
            {"name": "sum", "kind": "float", "computed": "1f"}, {"name": "any"}
        ]});
        let table = Table::read(&info, &json!({"kind": {"kind": "RELATION"}}));
        assert!(table.relation);
        assert_eq!(table.cast("at"), Some("none | datetime"));
        assert_eq!(table.cast("links.*"), Some("record<user>"));
        for plain in ["n", "s", "records", "any", "unknown"] {
            assert_eq!(table.cast(plain), None, "{plain}");
        }
        assert!(table.is_computed("sum") && !table.is_computed("at"));
    }
}
