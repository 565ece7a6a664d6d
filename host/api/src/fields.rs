//! Reads bodies and query strings: a wrong field is named, with what to write instead; an unknown one with the nearest known.

mod extract;
mod grant;
mod idempotency;
mod known;
mod page;
mod printable;
mod time;

use bulkhead_catalog::Idempotency;
use bulkhead_model::{Failure, Result};
use serde_json::{Map, Value};

pub use extract::{BODY_LIMIT, NoBody, OptionalBody, QueryFields};
pub use page::{ALL, ManyQuery, PageQuery, Paged, cut};
pub use printable::printable;

/// The fields of a request, or of an object within it.
#[derive(Debug)]
pub struct Fields {
    /// What stands before the name of a field in a failure, e.g. `external_storage.bucket.`.
    place: String,
    /// In a query string, numbers and flags are text.
    query: bool,
    map: Map<String, Value>,
    /// The key under which the caller may send this again.
    pub idempotency: Option<Idempotency>,
}

impl Fields {
    /// Reads a query string; a field given twice is refused.
    ///
    /// # Errors
    /// `invalid`.
    pub fn from_query(pairs: Vec<(String, String)>) -> Result<Self> {
        let mut map = Map::new();
        for (name, value) in pairs {
            if map.insert(name.clone(), Value::String(value)).is_some() {
                return Err(Failure::invalid(format!("`{name}` is given twice")));
            }
        }
        Ok(Self { place: String::new(), query: true, map, idempotency: None })
    }

    /// Reads a JSON object.
    ///
    /// # Errors
    /// `invalid`.
    pub fn from_json(body: &[u8]) -> Result<Self> {
        match serde_json::from_slice(body) {
            Ok(Value::Object(map)) => Ok(Self { place: String::new(), query: false, map, idempotency: None }),
            Ok(_) => {
                Err(Failure::invalid("the body is JSON, but no object").with_hint("send {\"field\": \"value\", ...}"))
            }
            Err(error) => Err(Failure::invalid(format!("the body is not JSON: {error}"))),
        }
    }

    /// A field as JSON; an absent or null one is `None`.
    pub fn json(&self, name: &str) -> Option<&Value> {
        self.map.get(name).filter(|value| !value.is_null())
    }

    /// Whether a field is there and not null.
    pub fn has(&self, name: &str) -> bool {
        self.map.get(name).is_some_and(|value| !value.is_null())
    }

    /// Whether a field is there, be it null.
    pub fn given(&self, name: &str) -> bool {
        self.map.contains_key(name)
    }

    /// Whether there is no field at all.
    pub fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    /// A failure that names the field.
    pub fn wrong(&self, name: &str, what: impl std::fmt::Display) -> Failure {
        Failure::invalid(format!("`{}{name}` {what}", self.place))
    }

    /// Text; an absent or null field is `None`.
    ///
    /// # Errors
    /// `invalid` when it is not text, or empty.
    pub fn text(&self, name: &str) -> Result<Option<&str>> {
        match self.map.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.trim().is_empty() => Err(self.wrong(name, "is empty")),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.wrong(name, "must be text")),
        }
    }

    /// Text that parses as something.
    ///
    /// # Errors
    /// `invalid`.
    pub fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(&self, name: &str) -> Result<Option<T>> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let place = &self.place;
        text.parse().map(Some).map_err(|error| Failure::invalid(format!("`{place}{name}`: {error}")))
    }

    /// Text that is read by `parse`, whose failures say what is wrong and what to write instead.
    ///
    /// # Errors
    /// `invalid`.
    pub fn read<T>(&self, name: &str, parse: impl FnOnce(&str) -> Result<T>) -> Result<Option<T>> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        parse(text).map(Some).map_err(|failure| failure.context(format_args!("`{}{name}`", self.place)))
    }

    /// As [`Fields::parsed`], but it must be there; `example` goes into the hint.
    ///
    /// # Errors
    /// `invalid`.
    pub fn required<T: std::str::FromStr<Err: std::fmt::Display>>(&self, name: &str, example: &str) -> Result<T> {
        self.parsed(name)?
            .ok_or_else(|| self.wrong(name, "is missing").with_hint(format!("add e.g. \"{name}\": \"{example}\"")))
    }

    /// A whole number within a range, or `None`.
    ///
    /// # Errors
    /// `invalid`.
    pub fn whole(&self, name: &str, range: std::ops::RangeInclusive<u64>) -> Result<Option<u64>> {
        let number = match self.map.get(name) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::String(text)) if self.query => text.parse().ok(),
            Some(value) => value.as_u64(),
        };
        let within = number.filter(|number| range.contains(number)).ok_or_else(|| {
            self.wrong(name, format_args!("must be a whole number from {} to {}", range.start(), range.end()))
        });
        within.map(Some)
    }

    /// A whole number within a range, or the default.
    ///
    /// # Errors
    /// `invalid`.
    pub fn number(&self, name: &str, range: std::ops::RangeInclusive<u32>, default: u32) -> Result<u32> {
        let within = self.whole(name, u64::from(*range.start())..=u64::from(*range.end()))?;
        Ok(within.and_then(|number| u32::try_from(number).ok()).unwrap_or(default))
    }

    /// `true` or `false`.
    ///
    /// # Errors
    /// `invalid`.
    pub fn flag(&self, name: &str) -> Result<Option<bool>> {
        match self.map.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(Value::String(text)) if self.query && text == "true" => Ok(Some(true)),
            Some(Value::String(text)) if self.query && text == "false" => Ok(Some(false)),
            Some(_) => Err(self.wrong(name, "must be true or false")),
        }
    }

    /// A list of texts that each parse as something.
    ///
    /// # Errors
    /// `invalid`.
    pub fn list<T: std::str::FromStr<Err: std::fmt::Display>>(&self, name: &str) -> Result<Option<Vec<T>>> {
        let items = match self.map.get(name) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::Array(items)) => items,
            Some(_) => return Err(self.wrong(name, "must be a list of texts")),
        };
        let place = &self.place;
        let parse = |(at, item): (usize, &Value)| {
            let text = item.as_str().ok_or_else(|| Failure::invalid(format!("`{place}{name}[{at}]` must be text")))?;
            text.parse().map_err(|error| Failure::invalid(format!("`{place}{name}[{at}]`: {error}")))
        };
        items.iter().enumerate().map(parse).collect::<Result<_>>().map(Some)
    }

    /// An object within this one.
    ///
    /// # Errors
    /// `invalid`.
    pub fn object(&self, name: &str) -> Result<Option<Self>> {
        match self.map.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Object(map)) => {
                let place = format!("{}{name}.", self.place);
                Ok(Some(Self { place, query: false, map: map.clone(), idempotency: None }))
            }
            Some(_) => Err(self.wrong(name, "must be an object")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_fields_are_named_with_what_to_write_instead() {
        let read =
            |body: &str| Fields::from_json(body.as_bytes()).and_then(|fields| fields.only(&["service_id", "key"]));
        let inner = r#"{"key": {"service_id": 7}}"#;
        let errors = [
            read("[]").unwrap_err(),
            read("{").unwrap_err(),
            read(r#"{"servise_id": "db1"}"#).unwrap_err(),
            read(r#"{"zzz": "db1"}"#).unwrap_err(),
            read("{}").unwrap().required::<bulkhead_model::ServiceId>("service_id", "db1").unwrap_err(),
            read(r#"{"service_id": 7}"#).unwrap().text("service_id").unwrap_err(),
            read(r#"{"service_id": " "}"#).unwrap().text("service_id").unwrap_err(),
            read(r#"{"service_id": "a/b"}"#).unwrap().parsed::<bulkhead_model::ServiceId>("service_id").unwrap_err(),
            read(r#"{"key": 0}"#).unwrap().number("key", 1..=9, 1).unwrap_err(),
            read(r#"{"key": "1"}"#).unwrap().number("key", 1..=9, 1).unwrap_err(),
            read(r#"{"key": "true"}"#).unwrap().flag("key").unwrap_err(),
            read(r#"{"key": ["a", 1]}"#).unwrap().list::<String>("key").unwrap_err(),
            read(inner).unwrap().object("key").unwrap().unwrap().text("service_id").unwrap_err(),
            read(r#"{"key": {"x": 1}}"#).unwrap().object("key").unwrap().unwrap().only(&[]).unwrap_err(),
        ];
        let lines: Vec<_> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(
            lines.join("\n"),
            "the body is JSON, but no object; hint: send {\"field\": \"value\", ...}\n\
             the body is not JSON: EOF while parsing an object at line 1 column 1\n\
             unknown field `servise_id`; hint: did you mean `service_id`?\n\
             unknown field `zzz`; hint: known: service_id, key\n\
             `service_id` is missing; hint: add e.g. \"service_id\": \"db1\"\n\
             `service_id` must be text\n\
             `service_id` is empty\n\
             `service_id`: `a/b` is no service id: use 1 to 63 letters, digits, `-`, `_` or `.`, starting with a letter or digit\n\
             `key` must be a whole number from 1 to 9\n\
             `key` must be a whole number from 1 to 9\n\
             `key` must be true or false\n\
             `key[1]` must be text\n\
             `key.service_id` must be text\n\
             unknown field `key.x`; hint: this request takes no fields"
        );
    }
}
