//! `GET /healthz` and `GET /readyz`: for whoever watches the process. No caller is asked for.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::Api;
use crate::problem::Answer;

/// The process lives.
#[derive(Serialize, ToSchema)]
pub struct Alive {
    status: AliveWord,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum AliveWord {
    Ok,
}

/// The host can do its work.
#[derive(Serialize, ToSchema)]
pub struct Ready {
    status: ReadyWord,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum ReadyWord {
    Ready,
}

/// The process lives.
#[utoipa::path(get, path = "/healthz", operation_id = "host.alive", tag = "host", security(()),
    responses((status = 200, description = "It does", body = Alive)))]
pub async fn alive() -> Json<Alive> {
    Json(Alive { status: AliveWord::Ok })
}

/// The host can do its work.
#[utoipa::path(get, path = "/readyz", operation_id = "host.ready", tag = "host", security(()),
    responses((status = 200, description = "It can", body = Ready)))]
pub async fn ready(State(api): State<Api>) -> Answer<Json<Ready>> {
    api.engine.ready().await?;
    Ok(Json(Ready { status: ReadyWord::Ready }))
}
