//! Ids in addresses.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use bulkhead_model::Failure;

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
