//! Everything in a database, as text that can be compared.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::SurrealClient;
use super::client::ident;
use crate::http::Request;
use crate::problem::{Problem, Result};

/// Every definition, every record and what was asked besides, by what it is: `field person.name`, `record person:1`.
///
/// Records are in the server's own notation, which tells a decimal from a float and a record's id from a text that looks like one. Keys and
/// hashes of passwords are not in it, as the server tells them to nobody: that people can still sign in has to be tried.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SurrealSnapshot {
    things: BTreeMap<String, String>,
}

impl SurrealSnapshot {
    /// Reads the database that the client is in.
    pub fn take(client: &SurrealClient) -> Result<Self> {
        let mut snapshot = Self::default();
        let info = client.value("INFO FOR DB")?;
        snapshot.define("", &info, &["sequences"]);
        snapshot.sequences(client)?;
        for table in names(&info, "tables") {
            snapshot.table(client, &table)?;
        }
        Ok(snapshot)
    }

    /// Remembers what the database answers: that an index is used, that a function runs.
    pub fn ask(&mut self, client: &SurrealClient, questions: &[&str]) -> Result<()> {
        for question in questions {
            let answer = client.value(question)?;
            self.things.insert(format!("answer to {question}"), answer.to_string());
        }
        Ok(())
    }

    /// The number of records.
    pub fn records(&self) -> usize {
        self.things.keys().filter(|thing| thing.starts_with("record ")).count()
    }

    /// Everything in it.
    pub fn things(&self) -> impl Iterator<Item = (&str, &str)> {
        self.things.iter().map(|(thing, text)| (thing.as_str(), text.as_str()))
    }

    /// What differs in `after`, for people; empty when the two are equal.
    pub fn compare(&self, after: &Self) -> Vec<String> {
        let things: BTreeSet<&String> = self.things.keys().chain(after.things.keys()).collect();
        things
            .into_iter()
            .filter_map(|thing| difference(thing, self.things.get(thing), after.things.get(thing)))
            .collect()
    }

    /// The definitions in an answer to `INFO FOR`, a section for each kind.
    fn define(&mut self, of: &str, info: &Value, without: &[&str]) {
        for (section, definitions) in info.as_object().into_iter().flatten() {
            for (name, definition) in definitions.as_object().into_iter().flatten() {
                if !without.contains(&section.as_str()) {
                    let text = definition.as_str().map_or_else(|| definition.to_string(), str::to_owned);
                    self.things.insert(format!("{section} {of}{name}"), text);
                }
            }
        }
    }

    /// Only an export says how far a sequence has counted. Version 2 has none.
    fn sequences(&mut self, client: &SurrealClient) -> Result<()> {
        let only = ["users", "accesses", "params", "functions", "analyzers", "tables", "records"];
        let mut parts: BTreeMap<&str, bool> = only.iter().map(|part| (*part, false)).collect();
        parts.insert("sequences", true);
        let body = json!(parts).to_string();
        let request = Request::new("POST", "/export", body.as_bytes()).header("content-type", "application/json");
        let answer = client.send(request)?;
        if answer.status == 404 {
            return Ok(());
        }
        let text = answer.good()?.text();
        for line in text.lines().filter(|line| line.starts_with("DEFINE SEQUENCE ")) {
            let name = line.split(' ').nth(2).unwrap_or_default();
            self.things.insert(format!("sequences {name}"), line.to_owned());
        }
        Ok(())
    }

    fn table(&mut self, client: &SurrealClient, table: &str) -> Result<()> {
        let name = ident(table);
        let info = client.value(&format!("INFO FOR TABLE {name}"))?;
        // Who listens now is no part of the data.
        self.define(&format!("{table}."), &info, &["lives"]);
        let records = client.value(&format!("SELECT VALUE [<string> id, <string> $this] FROM {name}"))?;
        for record in records.as_array().into_iter().flatten() {
            let (Some(id), Some(text)) = (record[0].as_str(), record[1].as_str()) else {
                return Err(Problem::new(format!("{table} answers no records: {record}")));
            };
            if self.things.insert(format!("record {id}"), text.to_owned()).is_some() {
                return Err(Problem::new(format!("{id} is there twice")));
            }
        }
        Ok(())
    }
}

fn names(info: &Value, section: &str) -> Vec<String> {
    info[section].as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect()
}

fn difference(thing: &str, before: Option<&String>, after: Option<&String>) -> Option<String> {
    match (before, after) {
        (before, after) if before == after => None,
        (Some(_), None) => Some(format!("{thing} is missing")),
        (None, _) => Some(format!("{thing} was not there before")),
        (Some(before), Some(after)) => Some(format!("{thing} differs\n  - {before}\n  + {after}")),
    }
}
