//! `POST /ssp/*`: stream processors come and say that they are alive.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use bulkhead_model::Failure;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::refusal::Refusal;
use crate::gate::Purpose;
use crate::gateway::Inner;
use crate::processor::{self, Processor, Progress, Report};
use crate::upkeep;

/// Whoever registers waits about ten seconds for an answer.
const PATIENCE: Duration = Duration::from_secs(8);
/// Longer ones are no names.
const ID_BYTES: usize = 256;
const URL_BYTES: usize = 2048;

#[derive(Deserialize)]
pub(super) struct Registration {
    ssp_id: String,
    url: String,
    #[serde(default)]
    version: String,
}

#[derive(Serialize)]
pub(super) struct Registered {
    /// The last event that the replica holds: those after it follow.
    snapshot_seq: u64,
}

/// Registers a stream processor. The replica stands still until it has loaded what it begins with.
pub(super) async fn register(
    State(inner): State<Arc<Inner>>,
    Json(request): Json<Registration>,
) -> Result<(StatusCode, Json<Registered>), Refusal> {
    let _pass = inner.gate.enter(Purpose::Read)?;
    let Registration { ssp_id, url, version } = request;
    check(&ssp_id, &url)?;
    let limits = &inner.config.limits;
    let mut replica = tokio::time::timeout(PATIENCE, inner.replica.lock())
        .await
        .map_err(|_| Failure::unavailable("the replica takes many events in: register again"))?;
    if !inner.flow.frozen(Some(&ssp_id)) {
        upkeep::apply_before_bootstrap(&inner, &mut replica, PATIENCE).await;
    }
    let make =
        |applied| Processor::new(&ssp_id, &url, &version, applied, limits.processor_events, limits.processor_bytes);
    let processor = inner.flow.register(limits.processors, make)?;
    // Whoever writes into the replica next sees that somebody loads from it.
    drop(replica);
    let (flow, gate, caller) = (Arc::clone(&inner.flow), Arc::clone(&inner.gate), inner.caller.clone());
    let task = processor::run(Arc::clone(&processor), flow, gate, caller, limits.poll_every, limits.bootstrap_timeout);
    processor.spawned(tokio::spawn(task).abort_handle());
    tracing::info!(
        service = inner.config.service,
        ssp = ssp_id,
        url,
        snapshot = processor.snapshot,
        "a stream processor has registered"
    );
    Ok((StatusCode::ACCEPTED, Json(Registered { snapshot_seq: processor.snapshot })))
}

fn check(id: &str, url: &str) -> Result<(), Failure> {
    if id.trim().is_empty() || id.len() > ID_BYTES || id.chars().any(char::is_control) {
        return Err(Failure::invalid("`ssp_id` is empty, longer than 256 bytes, or has control characters"));
    }
    let uri = url.parse::<http::Uri>().ok().filter(|_| url.len() <= URL_BYTES);
    let http = uri.filter(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some() && uri.query().is_none()
    });
    http.map(drop).ok_or_else(|| Failure::invalid("`url` is no address").with_hint("begin it with http:// or https://"))
}

#[derive(Deserialize)]
pub(super) struct Heartbeat {
    ssp_id: String,
    #[serde(default)]
    views: u64,
    cpu_usage: Option<f64>,
    memory_usage: Option<f64>,
    #[serde(default)]
    version: String,
}

/// A sign of life.
pub(super) async fn heartbeat(
    State(inner): State<Arc<Inner>>,
    Json(beat): Json<Heartbeat>,
) -> Result<StatusCode, Refusal> {
    let _pass = inner.gate.enter(Purpose::Report)?;
    let registered = inner.flow.lock().processors.get(&beat.ssp_id).cloned();
    let Some(processor) = registered else {
        return Err(Refusal::new(StatusCode::NOT_FOUND, "not registered: register again"));
    };
    let Heartbeat { views, cpu_usage, memory_usage, version, .. } = beat;
    processor.heard(Some(Report { version, views, cpu_usage, memory_usage }));
    match processor.progress() {
        Progress::Overflowed => {
            let directive = json!({ "reason": "events were missed: bootstrap again", "clean": false });
            Err(Refusal::new(StatusCode::CONFLICT, directive.to_string()))
        }
        _ => Ok(StatusCode::OK),
    }
}
