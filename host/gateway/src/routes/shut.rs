//! The routes of a front door that could not be opened: nothing gets in, and everybody is told why.

use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::json;

use super::authenticate;
use super::refusal::Refusal;
use crate::config::Token;

/// All routes. `why` is shown to those who have the token.
pub(crate) fn router(service: &str, token: Option<Token>, why: &str) -> Router {
    let status = json!({ "service": service, "state": "closed", "reason": why });
    let words = format!("the front door is closed: {why}");
    // What begins an event's refusal is known to those who send it.
    let ingest = format!("SSP_NOT_READY: {words}");
    let refuse = |words: String| move || async move { Refusal::new(StatusCode::SERVICE_UNAVAILABLE, words) };
    Router::new()
        .route("/ingest", post(refuse(ingest)))
        .route("/status", get(move || async move { Json(status) }))
        .fallback(refuse(words))
        .layer(from_fn_with_state(token, authenticate))
        .route("/health", get(|| async { Json(json!({ "status": "closed" })) }))
}
