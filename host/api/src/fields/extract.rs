//! How a handler gets at the fields of its request.

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri, header};
use bulkhead_model::{Failure, Result};

use super::Fields;
use super::idempotency::idempotency;
use crate::problem::Problem;

/// The longest body that is read.
pub const BODY_LIMIT: usize = 1 << 20;

impl<S: Send + Sync> FromRequest<S> for Fields {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        if !says_json(request.headers()) {
            return Err(Problem::media_type());
        }
        let (parts, body) = request.into_parts();
        let mut fields = Self::from_json(&read_body(body).await?)?;
        fields.idempotency = idempotency(&parts, &fields.map)?;
        Ok(fields)
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

/// The fields of a request that need not have any: an empty body is as good as `{}`.
pub struct OptionalBody(pub Fields);

impl<S: Send + Sync> FromRequest<S> for OptionalBody {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        let is_json = says_json(request.headers());
        let (parts, body) = request.into_parts();
        let body = read_body(body).await?;
        let mut fields = match body.is_empty() {
            true => Fields::from_json(b"{}")?,
            false if is_json => Fields::from_json(&body)?,
            false => return Err(Problem::media_type()),
        };
        fields.idempotency = idempotency(&parts, &fields.map)?;
        Ok(Self(fields))
    }
}

/// The query string.
pub struct QueryFields(pub Fields);

impl QueryFields {
    /// Reads the query string of an address.
    ///
    /// # Errors
    /// `invalid`.
    pub fn of(uri: &Uri) -> Result<Fields> {
        let query = Query::<Vec<(String, String)>>::try_from_uri(uri);
        let Query(pairs) = query.map_err(|_| Failure::invalid("the query string cannot be read"))?;
        Fields::from_query(pairs)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for QueryFields {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        Ok(Self(Self::of(&parts.uri)?))
    }
}
