//! How a handler gets at the fields of its request.

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use bulkhead_model::Failure;

use super::Fields;
use crate::problem::Problem;

/// The longest body that is read.
pub const BODY_LIMIT: usize = 1 << 20;

impl<S: Send + Sync> FromRequest<S> for Fields {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        if !says_json(request.headers()) {
            return Err(Problem::media_type());
        }
        let body = read_body(request.into_body()).await?;
        Ok(Self::from_json(&body)?)
    }
}

fn says_json(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(|value| {
        let kind = value.split(';').next().unwrap_or_default().trim();
        kind.eq_ignore_ascii_case("application/json")
    })
}

async fn read_body(body: Body) -> Result<axum::body::Bytes, Problem> {
    // The limit is the only failure worth telling apart: a caller whose connection broke hears nothing anyway.
    axum::body::to_bytes(body, BODY_LIMIT).await.map_err(|_| Problem::too_large(BODY_LIMIT))
}

/// A request that says all in its address: a body is empty, or an object without fields.
pub struct NoBody;

impl<S: Send + Sync> FromRequest<S> for NoBody {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        let body = read_body(request.into_body()).await?;
        if !body.is_empty() {
            Fields::from_json(&body)?.only(&[])?;
        }
        Ok(Self)
    }
}

/// The query string.
pub struct QueryFields(pub Fields);

impl<S: Send + Sync> FromRequestParts<S> for QueryFields {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let query = Query::<Vec<(String, String)>>::from_request_parts(parts, state).await;
        let Query(pairs) = query.map_err(|_| Failure::invalid("the query string cannot be read"))?;
        Ok(Self(Fields::from_query(pairs)?))
    }
}
