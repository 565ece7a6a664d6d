//! What a server says that a database has, and whether that is what an export has.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use bulkhead_plugin_sdk::method::{Failure, Result, Series};
use serde_json::Value;
use surql::ident;

use crate::contents::Table;
use crate::kinds::{self, Part};
use crate::scope::Database;
use crate::server::{Place, Server, names};

/// Tables that are asked about in one request.
const TABLES_AT_ONCE: usize = 50;
/// Differences that are named; there may be thousands.
const MOST_NAMED: usize = 10;
/// Names of what is left out that are kept.
const MOST_LEFT_OUT: usize = 1000;

/// What a database has at a moment, or rather from moment to moment: each table is counted when its turn comes.
#[derive(Clone, Debug, Default)]
pub struct Census {
    /// Records by table.
    pub tables: BTreeMap<String, Count>,
    /// Definitions by kind; kinds without any are left out.
    pub definitions: BTreeMap<String, u64>,
    /// Names of definitions that the export may leave out, by kind, and from which server on it has them, where that is known.
    pub optional: BTreeMap<String, (Option<Series>, BTreeSet<String>)>,
}

/// How many records a table was seen to have, over one look at it or several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    least: u64,
    most: u64,
}

impl Count {
    pub fn of(records: u64) -> Self {
        Self { least: records, most: records }
    }

    fn with(self, other: Self) -> Self {
        Self { least: self.least.min(other.least), most: self.most.max(other.most) }
    }

    /// Whether nobody was seen to write to the table.
    fn stands_still(self) -> bool {
        self.least == self.most
    }

    /// Whether an export made meanwhile can have this many records.
    ///
    /// A table that stands still has exactly these. One that was seen to move by some records, at two looks or more, may have had so many more
    /// or fewer between the looks, and no others: how large the table is does not matter.
    fn allows(self, records: u64) -> bool {
        let moved = self.most - self.least;
        (self.least.saturating_sub(moved)..=self.most.saturating_add(moved)).contains(&records)
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.stands_still() {
            true => write!(f, "{}", self.least),
            false => write!(f, "{} to {}", self.least, self.most),
        }
    }
}

impl Census {
    /// Asks the server.
    pub async fn take(server: &Server, database: &Database) -> Result<Self> {
        let info = server.ask(Place::Database(database), "INFO FOR DB").await?;
        let mut census = Self::default();
        census.add(&info, "", kinds::of_database);
        for tables in names(&info, "tables").chunks(TABLES_AT_ONCE) {
            let questions = tables.iter().map(|table| format!("{} INFO FOR TABLE {};", count(table), ident(table)));
            let answers = server.ask_all(Place::Database(database), &questions.collect::<String>()).await?;
            if answers.len() != 2 * tables.len() {
                return Err(other_number());
            }
            for (table, answers) in tables.iter().zip(answers.chunks(2)) {
                let [count, info] = answers else { continue };
                census.tables.insert(table.clone(), Count::of(records(count)));
                census.add(info, table, kinds::of_table);
            }
        }
        Ok(census)
    }

    /// Counts some tables again. One that is not there any more is left out.
    pub async fn count_again(server: &Server, database: &Database, tables: &[String]) -> Result<Self> {
        let info = server.ask(Place::Database(database), "INFO FOR DB").await?;
        let there: BTreeSet<_> = names(&info, "tables").into_iter().collect();
        let tables: Vec<_> = tables.iter().filter(|table| there.contains(*table)).collect();
        let mut census = Self::default();
        for tables in tables.chunks(TABLES_AT_ONCE) {
            let questions = tables.iter().map(|table| count(table));
            let answers = server.ask_all(Place::Database(database), &questions.collect::<String>()).await?;
            if answers.len() != tables.len() {
                return Err(other_number());
            }
            let counts =
                tables.iter().zip(&answers).map(|(table, answer)| ((*table).clone(), Count::of(records(answer))));
            census.tables.extend(counts);
        }
        Ok(census)
    }

    /// Adds what an answer tells. `of` is the table, if it is about one.
    fn add(&mut self, info: &Value, of: &str, kind: impl Fn(&str) -> Part) {
        for part in info.as_object().into_iter().flat_map(|parts| parts.keys()) {
            let found = names(info, part);
            if found.is_empty() {
                continue;
            }
            let (kind, optional) = match kind(part) {
                Part::Exported(kind) => (kind.to_owned(), None),
                Part::ExportedFrom(kind, from) => (kind.to_owned(), Some(Some(from))),
                Part::LeftOut(kind) => (kind, Some(None)),
                Part::Elsewhere => continue,
            };
            *self.definitions.entry(kind.clone()).or_default() += found.len() as u64;
            let Some(from) = optional else { continue };
            let (_, known) = self.optional.entry(kind).or_insert_with(|| (from, BTreeSet::new()));
            let found = found.into_iter().map(|name| if of.is_empty() { name } else { format!("{of}.{name}") });
            known.extend(found.take(MOST_LEFT_OUT.saturating_sub(known.len())));
        }
    }

    /// Takes out what a server of this series leaves out of its exports, of which `exported` are the definitions by kind: by kind, the names.
    pub fn take_left_out(&mut self, series: Series, exported: &BTreeMap<String, u64>) -> BTreeMap<String, Vec<String>> {
        let optional = std::mem::take(&mut self.optional).into_iter();
        let left_out = optional.filter(|(kind, (from, _))| {
            // Where the server is known to export a kind, one that is not there is missing.
            from.is_none_or(|from| series < from) && !exported.contains_key(kind)
        });
        let left_out: BTreeMap<_, _> = left_out.map(|(kind, (_, names))| (kind, names.into_iter().collect())).collect();
        self.definitions.retain(|kind, _| !left_out.contains_key(kind));
        left_out
    }

    /// What was seen of tables at another look, too. `other` may be one at some tables only.
    pub fn see_tables_of(&mut self, other: &Self) {
        for (table, count) in &mut self.tables {
            if let Some(other) = other.tables.get(table) {
                *count = count.with(*other);
            }
        }
    }

    /// Whether a table was seen by both and by neither to move.
    pub fn stands_still(&self, after: &Self, table: &str) -> bool {
        let seen = self.tables.get(table).zip(after.tables.get(table)).map(|(before, after)| before.with(*after));
        seen.is_some_and(Count::stands_still)
    }

    /// The tables of which an export that was made meanwhile has another number of records than it can have.
    pub fn tables_that_differ(&self, after: &Self, exported: &BTreeMap<String, Table>) -> Vec<String> {
        let all: BTreeSet<_> = self.tables.keys().chain(after.tables.keys()).chain(exported.keys()).collect();
        all.into_iter().filter(|table| self.difference(after, exported, table).is_some()).cloned().collect()
    }

    fn difference(&self, after: &Self, exported: &BTreeMap<String, Table>, table: &str) -> Option<String> {
        let (before, after) = (self.tables.get(table).copied(), after.tables.get(table).copied());
        let has = exported.get(table).map(|table| table.records);
        let seen = before.zip(after).map(|(before, after)| before.with(after));
        // A table that comes or goes meanwhile may be there or not.
        let fits = match (seen, has) {
            (Some(seen), Some(has)) => seen.allows(has),
            (Some(_), None) => false,
            (None, Some(_)) => before.or(after).is_some(),
            (None, None) => true,
        };
        let shown = |count: Option<String>| count.unwrap_or_else(|| "none".to_owned());
        let there = shown(seen.or(before).or(after).map(|count| count.to_string()));
        let has = shown(has.map(|has| has.to_string()));
        (!fits).then(|| format!("table {}: {has} records here, {there} there", table.escape_debug()))
    }

    /// What differs from this on the side of `has`, in words; `after` is a second look at the same database, later.
    pub fn differences(
        &self,
        after: &Self,
        tables: &BTreeMap<String, Table>,
        definitions: &BTreeMap<String, u64>,
    ) -> Vec<String> {
        let all: BTreeSet<_> = self.tables.keys().chain(after.tables.keys()).chain(tables.keys()).collect();
        let mut differences: Vec<_> =
            all.into_iter().filter_map(|table| self.difference(after, tables, table)).collect();
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

fn count(table: &str) -> String {
    format!("SELECT count() FROM {} GROUP ALL;", ident(table))
}

fn other_number() -> Failure {
    Failure::unsupported("the server answers another number of questions than it was asked")
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

#[cfg(test)]
mod tests;
