//! The words with which the front door says no: plain text, as Sp00ky's scheduler does.

use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bulkhead_model::{Failure, FailureKind};

/// Why something was refused.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    words: String,
}

impl Refusal {
    pub fn new(status: StatusCode, words: impl Into<String>) -> Self {
        Self { status, words: words.into() }
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        let status = match failure.kind {
            FailureKind::Invalid => StatusCode::BAD_REQUEST,
            FailureKind::Unavailable | FailureKind::Denied | FailureKind::Conflict => StatusCode::SERVICE_UNAVAILABLE,
            FailureKind::NotFound => StatusCode::NOT_FOUND,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::new(status, failure.to_string())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let wait: Option<[(HeaderName, &str); 1]> =
            (self.status == StatusCode::SERVICE_UNAVAILABLE).then_some([(header::RETRY_AFTER, "1")]);
        match wait {
            Some(wait) => (self.status, wait, self.words).into_response(),
            None => (self.status, self.words).into_response(),
        }
    }
}
