//! `POST /proxy/*`: what a stream processor would ask a database, answered by the replica.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use super::refusal::Refusal;
use crate::gate::Purpose;
use crate::gateway::Inner;
use crate::replica;

#[derive(Deserialize)]
pub(super) struct Query {
    query: String,
}

/// The value of the query's first statement.
pub(super) async fn query(State(inner): State<Arc<Inner>>, Json(request): Json<Query>) -> Result<Json<Value>, Refusal> {
    let _pass = inner.gate.enter(Purpose::Read)?;
    replica::check_reads(&request.query)?;
    Ok(Json(replica::query(&inner.reader, &inner.config.scope, &request.query).await?))
}

/// The replica is chosen and nobody has to log in to it.
pub(super) async fn nothing(State(inner): State<Arc<Inner>>) -> Result<StatusCode, Refusal> {
    let _pass = inner.gate.enter(Purpose::Read)?;
    Ok(StatusCode::OK)
}
