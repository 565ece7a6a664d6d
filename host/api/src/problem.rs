//! RFC 9457 problem documents: the one way in which the API says no.

mod documented;

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bulkhead_model::{Failure, FailureKind};
use serde::Serialize;
use utoipa::ToSchema;

pub use documented::{Conflict, Denied, NotFound, Unauthenticated, Unsupported};

/// A result of a handler.
pub type Answer<T> = Result<T, Problem>;

/// A problem document, `application/problem+json`. `code` is stable; `docs/errors.md` lists the codes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Problem {
    /// `urn:bulkhead:problem:<code>`.
    #[serde(rename = "type")]
    #[schema(pattern = "^urn:bulkhead:problem:[a-z-]+$")]
    kind: String,
    /// The words of the status.
    #[schema(value_type = String)]
    title: &'static str,
    /// The status of the answer.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// One lower-case phrase about this very request.
    detail: String,
    /// Stable; programs look at it and never at the words.
    #[schema(value_type = String)]
    code: &'static str,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    hint: Option<String>,
    /// Seconds after which another try may help.
    #[serde(skip)]
    retry_after: Option<u32>,
}

/// The code of a problem, beside its answer, for the audit trail.
#[derive(Clone, Debug)]
pub struct Code(pub &'static str);

impl Problem {
    fn new(status: StatusCode, code: &'static str, detail: impl Into<String>, hint: Option<String>) -> Self {
        Self {
            kind: format!("urn:bulkhead:problem:{code}"),
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: detail.into(),
            code,
            hint,
            retry_after: (status == StatusCode::SERVICE_UNAVAILABLE).then_some(5),
        }
    }

    /// The caller did not say, or not credibly, who they are.
    pub fn unauthenticated(detail: impl Into<String>) -> Self {
        let hint =
            "send `Authorization: Bearer TOKEN` or `X-API-Key: KEY`; `bulkhead token create` makes a token".to_owned();
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", detail, Some(hint))
    }

    /// No such address.
    pub fn no_route(path: &str) -> Self {
        let hint = "the API lies under /v1, e.g. /v1/backups".to_owned();
        Self::new(StatusCode::NOT_FOUND, "no-route", format!("there is nothing at {path}"), Some(hint))
    }

    /// The address does not take this method.
    pub fn method_not_allowed(method: &str, path: &str) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", format!("{path} does not take {method}"), None)
    }

    /// The body is longer than the host reads.
    pub fn too_large(limit_bytes: usize) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too-large",
            format!("the body is longer than {limit_bytes} bytes"),
            None,
        )
    }

    /// The body is not JSON by its own words.
    pub fn media_type() -> Self {
        let hint = "send `Content-Type: application/json`".to_owned();
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media-type", "the body is not declared as JSON", Some(hint))
    }

    /// The request took longer than the host allows.
    pub fn deadline() -> Self {
        let hint = "try again; what was already started goes on".to_owned();
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "deadline", "the request took too long", Some(hint))
    }

    /// What changes something cannot be written into the audit trail, and so is not done.
    pub fn no_audit() -> Self {
        let hint = "nothing was done; try again soon, the host's log says more".to_owned();
        let detail = "the audit trail cannot be written";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail, Some(hint))
    }

    /// Too many requests; another one may pass after `wait`.
    pub fn rate_limited(detail: &str, wait: Duration) -> Self {
        // Rounded up: who comes back then must pass.
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        let seconds = u32::try_from(seconds).unwrap_or(u32::MAX);
        let hint = format!("try again in {seconds} s, as the header `Retry-After` says");
        let problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "rate-limited", detail, Some(hint));
        Self { retry_after: Some(seconds), ..problem }
    }

    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl From<Failure> for Problem {
    /// What the caller can do something about is told; what they cannot is logged here, once, and answered with a constant.
    fn from(failure: Failure) -> Self {
        let (status, code) = match failure.kind {
            FailureKind::Invalid => (StatusCode::BAD_REQUEST, "invalid"),
            FailureKind::Unsupported => (StatusCode::UNPROCESSABLE_ENTITY, "unsupported"),
            FailureKind::Denied => (StatusCode::FORBIDDEN, "denied"),
            FailureKind::NotFound => (StatusCode::NOT_FOUND, "not-found"),
            FailureKind::Conflict => (StatusCode::CONFLICT, "conflict"),
            FailureKind::Corrupt => (StatusCode::CONFLICT, "corrupt"),
            FailureKind::Cancelled => (StatusCode::CONFLICT, "cancelled"),
            FailureKind::Unavailable => {
                tracing::warn!(failure = %failure, "a request could not be served now");
                let hint = "try again soon; the host's log says more".to_owned();
                let status = StatusCode::SERVICE_UNAVAILABLE;
                return Self::new(status, "unavailable", "something this request needs is not available", Some(hint));
            }
            FailureKind::Other(_) => {
                tracing::error!(failure = %failure, "a request failed");
                let hint = "the host's log says more".to_owned();
                let status = StatusCode::INTERNAL_SERVER_ERROR;
                return Self::new(status, "internal", "the host failed to serve this request", Some(hint));
            }
        };
        Self::new(status, code, failure.message, failure.hint)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, retry_after, code) = (self.status(), self.retry_after, Code(self.code));
        let mut response = (status, Json(self)).into_response();
        response.extensions_mut().insert(code);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_keeps_its_words_and_an_internal_one_does_not() {
        let failure = Failure::not_found("there is no backup `x`").with_hint("list them");
        assert_eq!(
            serde_json::to_value(Problem::from(failure)).unwrap(),
            serde_json::json!({
                "type": "urn:bulkhead:problem:not-found", "title": "Not Found", "status": 404,
                "detail": "there is no backup `x`", "code": "not-found", "hint": "list them",
            })
        );
        for secret in [
            Failure::internal("password=hunter2 in table jobs"),
            Failure::unavailable("10.0.0.7 refused hunter2").with_hint("hunter2"),
            Failure::new(FailureKind::Other("trap".to_owned()), "hunter2"),
        ] {
            let problem = Problem::from(secret);
            assert!(problem.status().is_server_error());
            assert!(!serde_json::to_string(&problem).unwrap().contains("hunter2"));
        }
    }

    #[test]
    fn every_code_is_documented_with_its_status() {
        let document = include_str!("../../../docs/errors.md");
        let kinds = [
            FailureKind::Invalid,
            FailureKind::Unsupported,
            FailureKind::Denied,
            FailureKind::Unavailable,
            FailureKind::Conflict,
            FailureKind::NotFound,
            FailureKind::Corrupt,
            FailureKind::Cancelled,
            FailureKind::Other("internal".to_owned()),
        ];
        let problems = kinds.map(|kind| Problem::from(Failure::new(kind, "x"))).into_iter().chain([
            Problem::unauthenticated("x"),
            Problem::no_route("x"),
            Problem::method_not_allowed("x", "x"),
            Problem::too_large(1),
            Problem::media_type(),
            Problem::deadline(),
            Problem::rate_limited("x", Duration::ZERO),
        ]);
        for problem in problems {
            let row = format!("| `{}` | {} |", problem.code, problem.status);
            assert!(document.contains(&row), "{row}");
        }
    }
}
