//! The configuration as a tree whose every value knows where it was written.

use std::collections::BTreeMap;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::error::{ConfigError, ConfigErrors, Origin};

/// A value and where it was written.
#[derive(Clone, Debug)]
pub struct Located {
    /// Where.
    pub origin: Origin,
    /// What.
    pub value: Value,
}

/// Keys and values of one table.
pub type Table = BTreeMap<String, Located>;

/// A value before it is known what it means.
#[derive(Clone, Debug)]
pub enum Value {
    /// Text.
    Text(String),
    /// From the environment: text that becomes what the key needs.
    Untyped(String),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction.
    Float(f64),
    /// True or false.
    Boolean(bool),
    /// A list.
    List(Vec<Located>),
    /// A table.
    Table(Table),
}

impl Value {
    /// What it is, for errors.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) | Self::Untyped(_) => "text",
            Self::Integer(_) => "a whole number",
            Self::Float(_) => "a number with a fraction",
            Self::Boolean(_) => "true or false",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }

    /// As JSON, for the configuration of a plugin.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Text(text) => text.as_str().into(),
            Self::Untyped(text) => serde_json::from_str(text).unwrap_or_else(|_| text.as_str().into()),
            Self::Integer(number) => (*number).into(),
            Self::Float(number) => (*number).into(),
            Self::Boolean(flag) => (*flag).into(),
            Self::List(items) => items.iter().map(|item| item.value.to_json()).collect(),
            Self::Table(table) => {
                serde_json::Value::Object(table.iter().map(|(key, item)| (key.clone(), item.value.to_json())).collect())
            }
        }
    }
}

/// Reads TOML text. `path` is only used to say where things are.
///
/// # Errors
/// The line and what TOML expected there.
pub fn parse(path: &Path, text: &str) -> Result<Table, ConfigErrors> {
    let lines = Lines { path, text };
    let document = DeTable::parse(text).map_err(|error| {
        let origin = lines.at(error.span().map_or(0, |span| span.start));
        let message = error.message().trim().replace('\n', ", ");
        let message = format!("this is not TOML: {message}");
        ConfigErrors(vec![ConfigError { origin: Some(origin), key: String::new(), message, hint: None }])
    })?;
    let mut errors = Vec::new();
    let table = lines.table(document.into_inner(), &mut errors);
    if errors.is_empty() { Ok(table) } else { Err(ConfigErrors(errors)) }
}

struct Lines<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Lines<'_> {
    fn at(&self, offset: usize) -> Origin {
        let before = self.text.as_bytes().iter().take(offset);
        let line = 1 + before.filter(|byte| **byte == b'\n').count();
        Origin::File { path: self.path.to_owned(), line }
    }

    fn table(&self, table: DeTable<'_>, errors: &mut Vec<ConfigError>) -> Table {
        let mut result = Table::new();
        for (key, value) in table {
            // The line of the key: the value of an array of tables may begin anywhere.
            let origin = self.at(key.span().start);
            let value = self.value(value.into_inner(), &origin, key.get_ref(), errors);
            result.insert(key.into_inner().into_owned(), Located { origin, value });
        }
        result
    }

    fn value(&self, value: DeValue<'_>, origin: &Origin, key: &str, errors: &mut Vec<ConfigError>) -> Value {
        let mut wrong = |message: String, hint: Option<&str>| {
            let hint = hint.map(str::to_owned);
            errors.push(ConfigError { origin: Some(origin.clone()), key: key.to_owned(), message, hint });
            Value::Boolean(false)
        };
        match value {
            DeValue::String(text) => Value::Text(text.into_owned()),
            DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
                Ok(number) => Value::Integer(number),
                Err(_) => wrong(format!("{number} is too large"), None),
            },
            DeValue::Float(number) => match number.as_str().parse() {
                Ok(number) => Value::Float(number),
                Err(_) => wrong(format!("{number} is no number"), None),
            },
            DeValue::Boolean(flag) => Value::Boolean(flag),
            DeValue::Datetime(time) => wrong(
                format!("a date or time is not expected here, found {time}"),
                Some("put it in quotes if text is meant"),
            ),
            DeValue::Array(items) => Value::List(
                items
                    .into_iter()
                    .map(|item| {
                        let origin = self.at(item.span().start);
                        let value = self.value(item.into_inner(), &origin, key, errors);
                        Located { origin, value }
                    })
                    .collect(),
            ),
            DeValue::Table(table) => Value::Table(self.table(table, errors)),
        }
    }
}
