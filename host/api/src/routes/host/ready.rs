use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::Api;
use crate::problem::Answer;

/// The host can do its work.
#[derive(Serialize, ToSchema)]
pub struct Ready {
    status: Word,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ReadyWord)]
#[serde(rename_all = "lowercase")]
enum Word {
    Ready,
}

/// `GET /readyz`: the host can do its work.
#[utoipa::path(get, path = "/readyz", operation_id = "host.ready", tag = "host", security(()),
    responses((status = 200, description = "It can", body = Ready)))]
pub async fn ready(State(api): State<Api>) -> Answer<Json<Ready>> {
    api.engine.ready().await?;
    Ok(Json(Ready { status: Word::Ready }))
}
