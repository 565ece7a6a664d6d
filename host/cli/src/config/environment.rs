//! Overrides from the environment: `BULKHEAD_SECTION__KEY`, e.g. `BULKHEAD_SERVER__LISTEN`.
//!
//! An entry of a list is named by its number or its id: `BULKHEAD_SERVICE__0__PORT`, `BULKHEAD_SERVICE__DB1__PORT`.

use super::error::{ConfigError, Findings, Origin};
use super::tree::{Located, Table, Value};

const PREFIX: &str = "BULKHEAD_";

/// Puts every override into the tree.
pub fn apply(tree: &mut Table, variables: impl IntoIterator<Item = (String, String)>, findings: &Findings) {
    let mut overrides: Vec<_> = variables
        .into_iter()
        .filter_map(|(name, value)| {
            let path: Vec<String> = name.strip_prefix(PREFIX)?.split("__").map(str::to_lowercase).collect();
            // A single word is a setting of the command line, e.g. BULKHEAD_URL.
            (path.len() > 1).then_some((name, path, value))
        })
        .collect();
    overrides.sort();
    for (name, path, value) in overrides {
        let origin = Origin::Environment(name);
        if let Err(message) = put(tree, &path, &origin, value) {
            let hint =
                "name a section and a key, e.g. BULKHEAD_SERVER__LISTEN, or an entry of a list by its id".to_owned();
            findings.add(ConfigError { origin: Some(origin), key: path.join("."), message, hint: Some(hint) });
        }
    }
}

fn put(table: &mut Table, path: &[String], origin: &Origin, text: String) -> Result<(), String> {
    let (first, rest) = path.split_first().ok_or("no key is named")?;
    if first.is_empty() {
        return Err("an empty name between underscores".to_owned());
    }
    // Variables cannot hold hyphens: `MARIADB_BACKUP` is the key `mariadb-backup` when there is one.
    let key = table.keys().find(|key| same(key, first)).cloned().unwrap_or_else(|| {
        if KNOWN_HYPHENS.contains(&first.as_str()) { first.replace('_', "-") } else { first.clone() }
    });
    if rest.is_empty() {
        table.insert(key, Located { origin: origin.clone(), value: Value::Untyped(text) });
        return Ok(());
    }
    let entry =
        table.entry(key).or_insert_with(|| Located { origin: origin.clone(), value: Value::Table(Table::new()) });
    descend(entry, rest, origin, text)
}

const KNOWN_HYPHENS: &[&str] = &["mariadb_backup", "mariadb_dump", "mariadb_binlog", "mariadb_install_db"];

fn descend(entry: &mut Located, path: &[String], origin: &Origin, text: String) -> Result<(), String> {
    match &mut entry.value {
        Value::Table(table) => put(table, path, origin, text),
        Value::List(items) => {
            let (which, rest) = path.split_first().ok_or("no entry is named")?;
            let index = which.parse::<usize>().ok().or_else(|| {
                items.iter().position(|item| match &item.value {
                    Value::Table(table) => {
                        matches!(table.get("id").map(|id| &id.value), Some(Value::Text(id)) if same(id, which))
                    }
                    _ => false,
                })
            });
            let item = index.and_then(|index| items.get_mut(index));
            match item {
                Some(item) if !rest.is_empty() => descend(item, rest, origin, text),
                Some(_) => Err("an entry of a list is no single value".to_owned()),
                None => Err(format!("the list has no entry `{which}`")),
            }
        }
        other => Err(format!("goes into {}", other.kind())),
    }
}

fn same(key: &str, variable: &str) -> bool {
    let plain: String = key.to_lowercase().chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
    plain == variable
}
