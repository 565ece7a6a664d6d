use axum::Json;
use axum::extract::State;

use crate::Api;
use crate::auth::Viewer;
use crate::dto::PluginDto;
use crate::problem::Answer;

/// `GET /plugins`: what this host has loaded, with what each asked for and got.
#[utoipa::path(get, path = "/plugins", operation_id = "plugins.list", tag = "plugins",
    responses((status = 200, description = "All of them", body = [PluginDto])))]
pub async fn list(State(api): State<Api>, Viewer(_caller): Viewer) -> Answer<Json<Vec<PluginDto>>> {
    Ok(Json(api.engine.plugins().into_iter().map(PluginDto::from).collect()))
}
