//! `POST /ingest`: one row that changed. SurrealDB sends it from within the transaction that changes it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use bulkhead_model::Failure;
use serde::Deserialize;
use serde_json::Value;

use super::refusal::Refusal;
use crate::event::{Change, Operation};
use crate::gate::Purpose;
use crate::gateway::Inner;

/// The number that an event was given, for whoever wants to follow it.
const SEQUENCE: HeaderName = HeaderName::from_static("bulkhead-sequence");

#[derive(Deserialize)]
pub(super) struct Request {
    table: String,
    op: String,
    id: String,
    #[serde(default)]
    record: Value,
}

/// Takes an event. Answers when it is in the log; where it goes from there, nobody waits for.
pub(super) async fn ingest(State(inner): State<Arc<Inner>>, Json(request): Json<Request>) -> Result<Response, Refusal> {
    // What begins an event's refusal is known to those who send it.
    let not_now = |failure: Failure| Refusal::new(StatusCode::SERVICE_UNAVAILABLE, format!("SSP_NOT_READY: {failure}"));
    let _pass = inner.gate.enter(Purpose::Write).map_err(not_now)?;
    let Request { table, op, id, record } = request;
    if table.is_empty() {
        return Err(Failure::invalid("`table` is empty").into());
    }
    let change = Change { table, op: Operation::parse(&op)?, id, record };
    if let Some(foreign) = change.foreign_table() {
        tracing::debug!(
            service = inner.config.service,
            table = change.table,
            foreign,
            "an event about a record of another table says nothing"
        );
        return Ok(StatusCode::OK.into_response());
    }
    let room =
        inner.backlog.reserve(weight(&change)).inspect_err(|_| inner.flow.pressing.notify_one()).map_err(not_now)?;
    let sequence = inner.writer.write(change, room).await.map_err(not_now)?;
    Ok((StatusCode::OK, [(SEQUENCE, sequence.to_string())]).into_response())
}

/// About what an event holds of memory.
fn weight(change: &Change) -> usize {
    fn of(value: &Value) -> usize {
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => 32,
            Value::String(text) => 32 + text.len(),
            Value::Array(values) => 32 + values.iter().map(of).sum::<usize>(),
            Value::Object(values) => 32 + values.iter().map(|(name, value)| 64 + name.len() + of(value)).sum::<usize>(),
        }
    }
    change.table.len() + change.id.len() + of(&change.record)
}
