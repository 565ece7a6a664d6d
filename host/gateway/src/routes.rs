//! The routes of Sp00ky's scheduler, and two for whoever looks after it.

mod ingest;
mod proxy;
mod refusal;
mod shut;
mod ssp;

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::json;
use subtle::ConstantTimeEq;

use crate::config::Token;
use crate::gate::Phase;
use crate::gateway::Inner;

pub(crate) use shut::router as shut;

/// All routes.
pub(crate) fn router(inner: Arc<Inner>) -> Router {
    let event_bytes = inner.config.limits.event_bytes;
    Router::new()
        .route("/ingest", post(ingest::ingest))
        .route("/proxy/query", post(proxy::query))
        .route("/proxy/signin", post(proxy::nothing))
        .route("/proxy/use", post(proxy::nothing))
        .route("/ssp/register", post(ssp::register))
        .route("/ssp/heartbeat", post(ssp::heartbeat))
        .route("/status", get(status))
        .layer(DefaultBodyLimit::max(event_bytes))
        .layer(from_fn_with_state(inner.config.token.clone(), authenticate))
        .route("/health", get(health))
        .with_state(inner)
}

/// Asks for the token, if there is one.
async fn authenticate(State(token): State<Option<Token>>, request: Request, next: Next) -> Response {
    let Some(token) = token else { return next.run(request).await };
    let shown = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let shown = shown.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    match bool::from(shown.as_bytes().ct_eq(token.expose().as_bytes())) {
        true => next.run(request).await,
        false => {
            (StatusCode::UNAUTHORIZED, "the front door's token is missing or wrong: send Authorization: Bearer TOKEN")
                .into_response()
        }
    }
}

/// Whether the process lives, and what it lets through. For whoever restarts it: it asks for no token and tells no more.
async fn health(State(inner): State<Arc<Inner>>) -> Response {
    let status = match inner.gate.phase() {
        Phase::Open => "ready",
        Phase::Preparing { .. } => "cloning",
        Phase::Restoring { .. } => "restoring",
    };
    Json(json!({ "status": status })).into_response()
}

async fn status(State(inner): State<Arc<Inner>>) -> Response {
    match tokio::task::spawn_blocking(move || inner.status()).await {
        Ok(status) => Json(status).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
