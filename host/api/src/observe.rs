//! What is seen of each request: its id, a span, a line in the log, metrics.

use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument;
use tracing::field::Empty;

use crate::Api;
use crate::document::Operation;

/// The header of a request's id, in requests and in answers.
pub const REQUEST_ID: &str = "x-request-id";

/// What an address does that is none of the API.
const NONE: &str = "none";

/// The id of a request: the caller's own, or a new one.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

/// Gives the request an id and says what becomes of it. Neither query strings nor headers nor bodies are written down.
pub async fn observe(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    let id = request_id(&request);
    let operation = operation(&api, &request).cloned();
    let name = operation.as_ref().map_or(NONE, |operation| operation.id.as_str()).to_owned();
    let span = tracing::info_span!(
        "request",
        request_id = id,
        operation = name,
        organization = Empty,
        subject = Empty,
        status = Empty
    );
    let header = HeaderValue::from_str(&id).ok();
    request.extensions_mut().insert(RequestId(id));
    if let Some(operation) = operation {
        request.extensions_mut().insert(operation);
    }
    let mut response = next.run(request).instrument(span.clone()).await;
    let headers = response.headers_mut();
    if let Some(header) = header {
        headers.insert(REQUEST_ID, header);
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // Answers are for one caller, at one instant; some hold what is told only once.
    if name != NONE {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    let (status, took) = (response.status().as_u16(), began.elapsed());
    span.record("status", status);
    span.in_scope(|| tracing::debug!(duration_ms = took.as_millis(), "answered"));
    metrics::counter!("bulkhead_http_requests_total", "operation" => name.clone(), "status" => status.to_string())
        .increment(1);
    metrics::histogram!("bulkhead_http_request_duration_seconds", "operation" => name).record(took.as_secs_f64());
    response
}

/// What the document says of this request.
fn operation<'a>(api: &'a Api, request: &Request) -> Option<&'a Operation> {
    let path = request.extensions().get::<MatchedPath>()?;
    api.document.operations.find(request.method(), path.as_str())
}

/// The caller's own id when it can stand in a log and a table; else a new one.
fn request_id(request: &Request) -> String {
    let fits = |id: &&str| {
        (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    };
    let own = request.headers().get(REQUEST_ID).and_then(|value| value.to_str().ok()).filter(fits);
    own.map_or_else(
        || {
            let mut random = [0_u8; 16];
            // Without randomness two requests may share an id: a nuisance for whoever reads the log.
            let _same = getrandom::fill(&mut random);
            hex::encode(random)
        },
        str::to_owned,
    )
}
