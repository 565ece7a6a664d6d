//! Reads one table: every key asked for is a known key, everything else in the table is an error.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use bulkhead_model::nearest;

use super::error::{ConfigError, Findings, Origin};
use super::tree::{Located, Table, Value};
use super::units;

/// One table under its name.
pub struct Section<'a> {
    name: String,
    origin: Option<Origin>,
    table: &'a Table,
    known: RefCell<Vec<String>>,
    findings: &'a Findings,
}

impl<'a> Section<'a> {
    /// The whole file.
    pub fn root(table: &'a Table, findings: &'a Findings) -> Self {
        Self { name: String::new(), origin: None, table, known: RefCell::default(), findings }
    }

    /// The keys in the table.
    pub fn keys(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.table.keys().map(String::as_str)
    }

    fn path(&self, key: &str) -> String {
        if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) }
    }

    /// Marks a key as known and gives its value.
    fn get(&self, key: &str) -> Option<&'a Located> {
        let mut known = self.known.borrow_mut();
        if !known.iter().any(|name| name == key) {
            known.push(key.to_owned());
        }
        self.table.get(key)
    }

    /// Notes that the value of `key` is wrong.
    pub fn wrong(&self, key: &str, message: impl Into<String>, hint: impl Into<String>) {
        let origin = self.table.get(key).map(|item| item.origin.clone()).or_else(|| self.origin.clone());
        let hint = Some(hint.into()).filter(|hint| !hint.is_empty());
        self.findings.add(ConfigError { origin, key: self.path(key), message: message.into(), hint });
    }

    fn mistyped(&self, key: &str, expected: &str, found: &Value) {
        self.wrong(key, format!("expected {expected}, found {}", found.kind()), "");
    }

    /// Text.
    pub fn text(&self, key: &str) -> Option<String> {
        match &self.get(key)?.value {
            Value::Text(text) | Value::Untyped(text) => Some(text.clone()),
            other => {
                self.mistyped(key, "text in quotes", other);
                None
            }
        }
    }

    /// Text that must be there; `example` goes into the hint.
    pub fn required_text(&self, key: &str, example: &str) -> Option<String> {
        match self.get(key) {
            None => {
                self.wrong(key, "is missing", format!("add {key} = \"{example}\""));
                None
            }
            Some(_) => {
                let text = self.text(key)?;
                if text.trim().is_empty() {
                    self.wrong(key, "is empty", format!("write e.g. {key} = \"{example}\""));
                    return None;
                }
                Some(text)
            }
        }
    }

    /// Text that must be there and parse.
    pub fn required<T: FromStr<Err: std::fmt::Display>>(&self, key: &str, example: &str) -> Option<T> {
        self.parsed(key, &self.required_text(key, example)?, example)
    }

    /// Text that must parse when it is there.
    pub fn optional<T: FromStr<Err: std::fmt::Display>>(&self, key: &str, example: &str) -> Option<T> {
        self.parsed(key, &self.text(key)?, example)
    }

    fn parsed<T: FromStr<Err: std::fmt::Display>>(&self, key: &str, text: &str, example: &str) -> Option<T> {
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.wrong(key, error.to_string(), format!("write e.g. {key} = \"{example}\""));
                None
            }
        }
    }

    /// One of a few words.
    pub fn choice<T: Copy>(&self, key: &str, choices: &[(&str, T)], default: T) -> T {
        let Some(text) = self.text(key) else { return default };
        if let Some((_, value)) = choices.iter().find(|(word, _)| *word == text) {
            return *value;
        }
        let words: Vec<_> = choices.iter().map(|(word, _)| format!("\"{word}\"")).collect();
        self.wrong(key, format!("`{text}` is not known"), format!("use {}", words.join(" or ")));
        default
    }

    /// A whole number within `range`.
    pub fn integer(&self, key: &str, range: std::ops::RangeInclusive<i64>) -> Option<i64> {
        let value = &self.get(key)?.value;
        let number = match value {
            Value::Integer(number) => Some(*number),
            Value::Untyped(text) => text.trim().parse().ok(),
            _ => None,
        };
        let expected = format!("a whole number from {} to {}", range.start(), range.end());
        match number {
            Some(number) if range.contains(&number) => Some(number),
            Some(number) => {
                self.wrong(key, format!("expected {expected}, found {number}"), "");
                None
            }
            None => {
                let found = match value {
                    Value::Text(text) | Value::Untyped(text) => format!("`{text}`"),
                    other => other.kind().to_owned(),
                };
                self.wrong(key, format!("expected {expected}, found {found}"), "write it without quotes");
                None
            }
        }
    }

    /// True or false.
    pub fn boolean(&self, key: &str, default: bool) -> bool {
        match self.get(key).map(|item| &item.value) {
            None => default,
            Some(Value::Boolean(flag)) => *flag,
            Some(Value::Untyped(text)) if text == "true" => true,
            Some(Value::Untyped(text)) if text == "false" => false,
            Some(other) => {
                self.mistyped(key, "true or false", other);
                default
            }
        }
    }

    /// A duration such as `"30s"`.
    pub fn duration(&self, key: &str, default: Duration) -> Duration {
        self.unit(key, default, units::parse_duration, "30s")
    }

    /// A size in bytes such as `"64MiB"`.
    pub fn bytes(&self, key: &str, default: u64) -> u64 {
        if let Some(Value::Integer(number)) = self.get(key).map(|item| &item.value) {
            return u64::try_from(*number).unwrap_or_else(|_| {
                self.wrong(key, format!("{number} is negative"), "");
                default
            });
        }
        self.unit(key, default, units::parse_bytes, "64MiB")
    }

    fn unit<T>(&self, key: &str, default: T, parse: fn(&str) -> Result<T, String>, example: &str) -> T {
        let Some(item) = self.get(key) else { return default };
        match &item.value {
            Value::Text(text) | Value::Untyped(text) => parse(text).unwrap_or_else(|message| {
                self.wrong(key, message, format!("write e.g. {key} = \"{example}\""));
                default
            }),
            other => {
                self.wrong(
                    key,
                    format!("expected a number and its unit, found {}", other.kind()),
                    format!("write e.g. {key} = \"{example}\""),
                );
                default
            }
        }
    }

    /// A path; a relative one starts at `base`.
    pub fn file(&self, key: &str, base: &Path) -> Option<PathBuf> {
        let text = self.text(key)?;
        if text.is_empty() {
            self.wrong(key, "is empty", "write a path or leave the key out");
            return None;
        }
        Some(base.join(text))
    }

    /// A list of texts; from the environment, separated by commas.
    pub fn texts(&self, key: &str) -> Vec<String> {
        match self.get(key).map(|item| &item.value) {
            None => Vec::new(),
            Some(Value::Untyped(text)) => {
                text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
            }
            Some(Value::List(items)) => items
                .iter()
                .filter_map(|item| match &item.value {
                    Value::Text(text) => Some(text.clone()),
                    other => {
                        self.mistyped(key, "a list of texts", other);
                        None
                    }
                })
                .collect(),
            Some(other) => {
                self.wrong(
                    key,
                    format!("expected a list of texts, found {}", other.kind()),
                    format!("write e.g. {key} = [\"one\", \"two\"]"),
                );
                Vec::new()
            }
        }
    }

    /// Anything, as JSON; it is checked by the plugin it is for.
    pub fn json(&self, key: &str) -> serde_json::Value {
        self.get(key).map_or_else(|| serde_json::json!({}), |item| item.value.to_json())
    }

    /// A table inside this one.
    pub fn table(&self, key: &str) -> Option<Section<'a>> {
        let item = self.get(key)?;
        match &item.value {
            Value::Table(table) => Some(self.inner(self.path(key), item, table)),
            other => {
                self.wrong(
                    key,
                    format!("expected a table, found {}", other.kind()),
                    format!("write [{}]", self.path(key)),
                );
                None
            }
        }
    }

    /// A list of tables.
    pub fn tables(&self, key: &str) -> Vec<Section<'a>> {
        let hint = format!("write [[{}]]", self.path(key));
        match self.get(key).map(|item| (&item.value, item)) {
            None => Vec::new(),
            Some((Value::List(items), _)) => items
                .iter()
                .enumerate()
                .filter_map(|(index, item)| match &item.value {
                    Value::Table(table) => Some(self.inner(format!("{}[{index}]", self.path(key)), item, table)),
                    other => {
                        self.wrong(key, format!("expected tables, found {}", other.kind()), hint.clone());
                        None
                    }
                })
                .collect(),
            Some((other, _)) => {
                self.wrong(key, format!("expected a list of tables, found {}", other.kind()), hint);
                Vec::new()
            }
        }
    }

    fn inner(&self, name: String, item: &'a Located, table: &'a Table) -> Section<'a> {
        Section { name, origin: Some(item.origin.clone()), table, known: RefCell::default(), findings: self.findings }
    }

    /// Refuses every key that nobody asked for.
    pub fn finish(self) {
        let known = self.known.borrow();
        for key in self.table.keys().filter(|key| !known.contains(key)) {
            let what = if self.name.is_empty() { "section" } else { "key" };
            let hint = nearest(key, known.iter().map(String::as_str))
                .map_or_else(|| format!("known here: {}", known.join(", ")), |name| format!("did you mean `{name}`?"));
            self.wrong(key, format!("unknown {what} `{key}`"), hint);
        }
    }
}
