//! Events as SurrealQL. Whatever they hold, it goes in as escaped names, strings and literals.

use std::fmt::Write;

use serde_json::Value;

use super::schema::Table;
use crate::event::{Change, Operation};

/// The statements that bring a change into a database. Running them again changes nothing.
pub(super) fn statements(change: &Change, table: &Table) -> String {
    let id = record_id(change);
    let mut sql = String::new();
    match change.op {
        Operation::Delete => push(&mut sql, format_args!("DELETE {id} RETURN NONE;\n")),
        Operation::Create | Operation::Update if table.relation => {
            // An edge is made in one way only, and its ends never change.
            push(
                &mut sql,
                format_args!(
                    "DELETE {id} RETURN NONE;\nINSERT RELATION INTO {} {{ id: {id}",
                    surql::ident(&change.table)
                ),
            );
            fields(&mut sql, &change.record, table, true);
            sql.push_str(" } RETURN NONE;\n");
        }
        Operation::Create | Operation::Update => {
            push(&mut sql, format_args!("UPSERT {id} CONTENT {{"));
            fields(&mut sql, &change.record, table, false);
            sql.push_str(" } RETURN NONE;\n");
        }
    }
    sql
}

/// The record as an expression that the server parses; it never sees it as text of a statement.
fn record_id(change: &Change) -> String {
    let own = format!("{}:", change.table);
    let escaped = surql::ident(&change.table);
    let key = match change.id.strip_prefix(&own).or_else(|| change.id.strip_prefix(&format!("{escaped}:"))) {
        Some(key) => key,
        None => change.id.strip_prefix(&format!("⟨{}⟩:", change.table)).unwrap_or(&change.id),
    };
    let key = if is_key(key) { key.to_owned() } else { surql::ident(key) };
    format!("type::record({})", surql::string(&format!("{escaped}:{key}")))
}

/// Whether this is a key as SurrealQL writes it. Everything else is the text of one.
fn is_key(key: &str) -> bool {
    let plain = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let within = |open: &str, close: &str| key.len() > open.len() && key.starts_with(open) && key.ends_with(close);
    let negative =
        key.strip_prefix('-').is_some_and(|digits| !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit()));
    plain(key)
        || negative
        || within("`", "`")
        || within("⟨", "⟩")
        || within("[", "]")
        || within("{", "}")
        || within("u'", "'")
        || within("u\"", "\"")
}

fn fields(sql: &mut String, record: &Value, table: &Table, edge: bool) {
    let mut first = !edge;
    for (name, value) in record.as_object().into_iter().flatten() {
        // The server takes the id from the statement.
        if name == "id" || table.is_computed(name) {
            continue;
        }
        sql.push_str(if first { " " } else { ", " });
        first = false;
        push(sql, format_args!("{}: ", surql::string(name)));
        match value {
            Value::String(end) if edge && matches!(name.as_str(), "in" | "out") => {
                push(sql, format_args!("type::record({})", surql::string(end)));
            }
            _ => literal(sql, value, name, table),
        }
    }
}

fn literal(sql: &mut String, value: &Value, path: &str, table: &Table) {
    if let Some(kind) = table.cast(path).filter(|_| !value.is_null()) {
        push(sql, format_args!("<{kind}> "));
    }
    match value {
        Value::Null => sql.push_str("NULL"),
        Value::Bool(_) => push(sql, format_args!("{value}")),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            // More than the server's integers hold.
            (None, Some(large)) => push(sql, format_args!("{large}dec")),
            _ => push(sql, format_args!("{number}")),
        },
        Value::String(text) => sql.push_str(&surql::string(text)),
        Value::Array(values) => {
            let path = format!("{path}.*");
            sql.push('[');
            for (at, value) in values.iter().enumerate() {
                sql.push_str(if at == 0 { "" } else { ", " });
                literal(sql, value, &path, table);
            }
            sql.push(']');
        }
        Value::Object(values) => {
            sql.push('{');
            for (at, (name, value)) in values.iter().enumerate() {
                sql.push_str(if at == 0 { " " } else { ", " });
                push(sql, format_args!("{}: ", surql::string(name)));
                literal(sql, value, &format!("{path}.{name}"), table);
            }
            sql.push_str(" }");
        }
    }
}

fn push(sql: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing into a string does not fail.
    let _written = sql.write_fmt(arguments);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn change(op: Operation, id: &str, record: Value) -> Change {
        Change { table: "a".to_owned(), op, id: id.to_owned(), record }
    }

    #[test]
    fn ids_come_bare_or_with_their_table_and_never_break_out() {
        for (id, key) in [
            ("x", "x"),
            ("a:x", "x"),
            ("`a`:x", "x"),
            ("a:7", "7"),
            ("a:-7", "-7"),
            ("a:⟨x y⟩", "⟨x y⟩"),
            ("a:[1, 'x']", r"[1, \'x\']"),
            ("x y", "`x y`"),
            ("", "``"),
            ("x`; REMOVE TABLE a; --", r"`x\\`; REMOVE TABLE a; --`"),
            ("x'); REMOVE TABLE a; --", r"`x\'); REMOVE TABLE a; --`"),
        ] {
            let sql = statements(&change(Operation::Delete, id, Value::Null), &Table::default());
            assert_eq!(sql, format!("DELETE type::record('`a`:{key}') RETURN NONE;\n"), "{id}");
            assert_eq!(surql::statements(&sql).unwrap().len(), 1, "{id}");
        }
    }

    #[test]
    fn values_are_made_into_what_their_fields_hold() {
        let info = json!({"fields": [{"name": "at", "kind": "datetime"}, {"name": "o.by", "kind": "record<u>"}, {"name": "l.*", "kind": "uuid"}]});
        let table = Table::read(&info, &Value::Null);
        let record =
            json!({"id": "a:1", "at": "2026", "o": {"by": "u:1", "n": null}, "l": ["x"], "big": u64::MAX, "s": "it's"});
        assert_eq!(
            statements(&change(Operation::Update, "a:1", record), &table),
            "UPSERT type::record('`a`:1') CONTENT { 'at': <datetime> '2026', 'big': 18446744073709551615dec, \
             'l': [<uuid> 'x'], 'o': { 'by': <record<u>> 'u:1', 'n': NULL }, 's': 'it\\'s' } RETURN NONE;\n"
        );
    }

    #[test]
    fn edges_are_made_as_edges() {
        let table = Table::read(&Value::Null, &json!({"kind": {"kind": "RELATION"}}));
        let record = json!({"in": "u:1", "out": "u:2", "w": 1});
        assert_eq!(
            statements(&change(Operation::Create, "a:1", record), &table),
            "DELETE type::record('`a`:1') RETURN NONE;\nINSERT RELATION INTO `a` { id: type::record('`a`:1'), \
             'in': type::record('u:1'), 'out': type::record('u:2'), 'w': 1 } RETURN NONE;\n"
        );
    }
}
