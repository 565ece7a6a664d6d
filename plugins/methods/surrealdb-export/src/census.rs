//! What a server says that a database has, and whether that is what an export has.

use std::collections::{BTreeMap, BTreeSet};

use bulkhead_plugin_sdk::method::{Failure, Result, warn};
use serde_json::Value;
use surql::ident;

use crate::contents::Table;
use crate::scope::Database;
use crate::server::{Place, Server, names};

/// The parts of `INFO FOR DB` and the kinds of definitions that are in them.
const DATABASE_PARTS: [(&str, &str); 10] = [
    ("accesses", "ACCESS"),
    ("analyzers", "ANALYZER"),
    ("apis", "API"),
    ("buckets", "BUCKET"),
    ("configs", "CONFIG"),
    ("functions", "FUNCTION"),
    ("modules", "MODULE"),
    ("params", "PARAM"),
    ("sequences", "SEQUENCE"),
    ("users", "USER"),
];
/// The same of `INFO FOR TABLE`.
const TABLE_PARTS: [(&str, &str); 3] = [("events", "EVENT"), ("fields", "FIELD"), ("indexes", "INDEX")];
/// Tables that are asked about in one request.
const TABLES_AT_ONCE: usize = 50;
/// Differences that are named; there may be thousands.
const MOST_NAMED: usize = 10;

/// What a database has at a moment, or rather from moment to moment: each table is counted when its turn comes.
#[derive(Debug, Default)]
pub struct Census {
    /// Records by table.
    pub tables: BTreeMap<String, u64>,
    /// Definitions by kind; kinds without any are left out.
    pub definitions: BTreeMap<String, u64>,
    /// Models of machine learning, which no export has.
    pub models: usize,
}

impl Census {
    /// Asks the server.
    pub async fn take(server: &Server, database: &Database) -> Result<Self> {
        let info = server.ask(Place::Database(database), "INFO FOR DB").await?;
        let mut census = Self { models: names(&info, "models").len(), ..Self::default() };
        census.add(&info, &DATABASE_PARTS);
        for tables in names(&info, "tables").chunks(TABLES_AT_ONCE) {
            let questions = tables.iter().map(|table| {
                let table = ident(table);
                format!("SELECT count() FROM {table} GROUP ALL; INFO FOR TABLE {table};")
            });
            let answers = server.ask_all(Place::Database(database), &questions.collect::<String>()).await?;
            if answers.len() != 2 * tables.len() {
                return Err(Failure::unsupported("the server answers another number of questions than it was asked"));
            }
            for (table, answers) in tables.iter().zip(answers.chunks(2)) {
                let [count, info] = answers else { continue };
                census.tables.insert(table.clone(), records(count));
                census.add(info, &TABLE_PARTS);
            }
        }
        Ok(census)
    }

    fn add(&mut self, info: &Value, parts: &[(&str, &str)]) {
        for (part, kind) in parts {
            let found = names(info, part).len() as u64;
            if found > 0 {
                *self.definitions.entry((*kind).to_owned()).or_default() += found;
            }
        }
    }

    /// Without the definitions of these kinds, if `exported` has none of them: some servers leave them out. Says so.
    pub fn without(mut self, kinds: &[&str], exported: &BTreeMap<String, u64>) -> Self {
        for kind in kinds.iter().filter(|kind| !exported.contains_key(**kind)) {
            if let Some(definitions) = self.definitions.remove(*kind) {
                warn!("the server's exports leave definitions out"; "kind" => kind, "definitions" => definitions);
            }
        }
        self
    }

    /// What differs from this on the side of `has`, in words; `after` is a second look at the same database, later.
    pub fn differences(
        &self,
        after: &Self,
        tables: &BTreeMap<String, Table>,
        definitions: &BTreeMap<String, u64>,
    ) -> Vec<String> {
        let mut differences = Vec::new();
        let all: BTreeSet<_> = self.tables.keys().chain(after.tables.keys()).chain(tables.keys()).collect();
        for table in all {
            let (before, after) = (self.tables.get(table), after.tables.get(table));
            let has = tables.get(table).map(|table| table.records);
            // A table that comes or goes meanwhile may be there or not.
            let fits = match (before, after, has) {
                (Some(before), Some(after), Some(has)) => between(*before, *after, has),
                (Some(_), Some(_), None) | (None, None, Some(_)) => false,
                _ => true,
            };
            if !fits {
                let shown = |count: Option<u64>| count.map_or_else(|| "none".to_owned(), |count| count.to_string());
                let server = match (before, after) {
                    (Some(before), Some(after)) if before != after => format!("{before} to {after}"),
                    (before, after) => shown(before.or(after).copied()),
                };
                let table = table.escape_debug();
                differences.push(format!("table {table}: {} records here, {server} there", shown(has)));
            }
        }
        let kinds: BTreeSet<_> =
            self.definitions.keys().chain(after.definitions.keys()).chain(definitions.keys()).collect();
        for kind in kinds {
            let count = |all: &BTreeMap<String, u64>| all.get(kind).copied().unwrap_or_default();
            let (before, after, has) = (count(&self.definitions), count(&after.definitions), count(definitions));
            if !(before.min(after)..=before.max(after)).contains(&has) {
                differences.push(format!("{kind}: {has} definitions here, {before} there"));
            }
        }
        differences
    }
}

/// Whether an export can have `has` records of a table that had so many before and after. One that nobody wrote to has exactly these; of one
/// that is written to, records may also have come and gone in between.
fn between(before: u64, after: u64, has: u64) -> bool {
    let slack = if before == after { 0 } else { before.abs_diff(after).max(before.max(after) / 100) };
    (before.min(after).saturating_sub(slack)..=before.max(after).saturating_add(slack)).contains(&has)
}

/// The number in an answer to `SELECT count() ... GROUP ALL`, which some versions leave empty for an empty table.
fn records(answer: &Value) -> u64 {
    answer.pointer("/0/count").and_then(Value::as_u64).unwrap_or_default()
}

/// A list of differences for people.
pub fn list(differences: &[String]) -> String {
    let more = differences.len().saturating_sub(MOST_NAMED);
    let mut list = differences.iter().take(MOST_NAMED).cloned().collect::<Vec<_>>().join("; ");
    if more > 0 {
        list.push_str(&format!("; and {more} more"));
    }
    list
}
