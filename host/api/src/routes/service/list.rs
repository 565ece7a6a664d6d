use axum::Json;
use axum::extract::State;

use crate::Api;
use crate::auth::Viewer;
use crate::dto::ServiceDto;
use crate::problem::Answer;

/// `GET /services`: those that this host can reach.
pub async fn list(State(api): State<Api>, Viewer(caller): Viewer) -> Answer<Json<Vec<ServiceDto>>> {
    Ok(Json(api.engine.services(&caller.organization).into_iter().map(ServiceDto::from).collect()))
}
