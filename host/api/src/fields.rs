//! Reads bodies and query strings: a wrong field is named, with what to write instead; an unknown one with the nearest known.

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::header;
use bulkhead_model::{Failure, Result};
use serde_json::{Map, Value};

use crate::problem::Problem;

/// The longest body that is read.
pub const BODY_LIMIT: usize = 1 << 20;

/// The fields of a request that were not looked at yet.
#[derive(Debug)]
pub struct Fields(Map<String, Value>);

impl Fields {
    /// Reads a query string; a field given twice is refused.
    ///
    /// # Errors
    /// `invalid`.
    pub fn from_query(pairs: Vec<(String, String)>) -> Result<Self> {
        let mut fields = Map::new();
        for (name, value) in pairs {
            if fields.insert(name.clone(), Value::String(value)).is_some() {
                return Err(Failure::invalid(format!("`{name}` is given twice")));
            }
        }
        Ok(Self(fields))
    }

    /// Reads a JSON object.
    ///
    /// # Errors
    /// `invalid`.
    pub fn from_json(body: &[u8]) -> Result<Self> {
        match serde_json::from_slice(body) {
            Ok(Value::Object(fields)) => Ok(Self(fields)),
            Ok(_) => {
                Err(Failure::invalid("the body is JSON, but no object").with_hint("send {\"field\": \"value\", ...}"))
            }
            Err(error) => Err(Failure::invalid(format!("the body is not JSON: {error}"))),
        }
    }

    /// Refuses fields outside `known`.
    ///
    /// # Errors
    /// `invalid`, naming the field and the known one that was probably meant.
    pub fn only(self, known: &[&str]) -> Result<Self> {
        if let Some(name) = self.0.keys().find(|name| !known.contains(&name.as_str())) {
            let nearest = known
                .iter()
                .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
                .filter(|(score, _)| *score > 0.75)
                .max_by(|a, b| a.0.total_cmp(&b.0));
            let hint = match nearest {
                Some((_, candidate)) => format!("did you mean `{candidate}`?"),
                None if known.is_empty() => "this request takes no fields".to_owned(),
                None => format!("known: {}", known.join(", ")),
            };
            return Err(Failure::invalid(format!("unknown field `{name}`")).with_hint(hint));
        }
        Ok(self)
    }

    /// Whether a field is there and not null.
    pub fn has(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|value| !value.is_null())
    }

    /// Text; an absent or null field is `None`.
    ///
    /// # Errors
    /// `invalid` when it is not text, or empty.
    pub fn text(&self, name: &str) -> Result<Option<&str>> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.trim().is_empty() => Err(Failure::invalid(format!("`{name}` is empty"))),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Failure::invalid(format!("`{name}` must be text"))),
        }
    }

    /// Text that parses as something.
    ///
    /// # Errors
    /// `invalid`.
    pub fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(&self, name: &str) -> Result<Option<T>> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        text.parse().map(Some).map_err(|error| Failure::invalid(format!("`{name}`: {error}")))
    }

    /// As [`Fields::parsed`], but it must be there; `example` goes into the hint.
    ///
    /// # Errors
    /// `invalid`.
    pub fn required<T: std::str::FromStr<Err: std::fmt::Display>>(&self, name: &str, example: &str) -> Result<T> {
        self.parsed(name)?.ok_or_else(|| {
            Failure::invalid(format!("`{name}` is missing")).with_hint(format!("add e.g. \"{name}\": \"{example}\""))
        })
    }

    /// A whole number within a range, or the default.
    ///
    /// # Errors
    /// `invalid`.
    pub fn number(&self, name: &str, range: std::ops::RangeInclusive<u32>, default: u32) -> Result<u32> {
        let number = match self.0.get(name) {
            None | Some(Value::Null) => return Ok(default),
            Some(Value::String(text)) => text.parse().ok(),
            Some(value) => value.as_u64(),
        };
        number.and_then(|number| u32::try_from(number).ok()).filter(|number| range.contains(number)).ok_or_else(|| {
            Failure::invalid(format!("`{name}` must be a whole number from {} to {}", range.start(), range.end()))
        })
    }
}

impl<S: Send + Sync> FromRequest<S> for Fields {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        let json =
            request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(|value| {
                let kind = value.split(';').next().unwrap_or_default().trim();
                kind.eq_ignore_ascii_case("application/json")
            });
        if !json {
            return Err(Problem::media_type());
        }
        let body = read_body(request.into_body()).await?;
        Ok(Self::from_json(&body)?)
    }
}

async fn read_body(body: Body) -> Result<axum::body::Bytes, Problem> {
    // The limit is the only failure worth telling apart: a caller whose connection broke hears nothing anyway.
    axum::body::to_bytes(body, BODY_LIMIT).await.map_err(|_| Problem::too_large(BODY_LIMIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_fields_are_named_with_what_to_write_instead() {
        let read =
            |body: &str| Fields::from_json(body.as_bytes()).and_then(|fields| fields.only(&["service_id", "key"]));
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
             `key` must be a whole number from 1 to 9"
        );
    }
}
