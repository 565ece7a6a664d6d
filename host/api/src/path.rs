//! Ids in addresses.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use bulkhead_model::{Failure, FailureKind, Result};

use crate::problem::Problem;

/// The last variable part of the address as text. What it names is for the handler to say: a text that no id can be names nothing, as
/// does one that is not even text.
pub struct Id(pub String);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::<String>::from_request_parts(parts, state).await {
            Ok(Path(id)) => Ok(Self(id)),
            Err(_) => Err(Failure::not_found("the address names nothing: its id is not text").into()),
        }
    }
}

/// A number as ids have them: digits alone.
pub fn number(text: &str) -> Option<i64> {
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

/// What is said of all that does not exist, belongs to others, or may not be seen: in the same words, so that nobody learns which.
pub fn missing(noun: &str, text: &str) -> Failure {
    Failure::not_found(format!("there is no {noun} `{text}`"))
}

/// What was found, or these words.
pub fn found<T>(found: Result<T>, noun: &str, text: &str) -> Result<T> {
    found.map_err(|failure| match failure.kind {
        FailureKind::NotFound => missing(noun, text),
        _ => failure,
    })
}
