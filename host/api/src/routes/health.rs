//! `GET /healthz` and `GET /readyz`: for whoever watches the process. No caller is asked for.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::Api;
use crate::problem::Answer;

/// The process lives.
pub async fn alive() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// The host can do its work.
pub async fn ready(State(api): State<Api>) -> Answer<Json<Value>> {
    api.engine.ready().await?;
    Ok(Json(json!({ "status": "ready" })))
}
