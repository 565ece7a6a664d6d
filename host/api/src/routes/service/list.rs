use axum::Json;
use axum::extract::State;

use crate::Api;
use crate::auth::Viewer;
use crate::dto::ServiceDto;
use crate::problem::Answer;

/// `GET /services`: those that this host can reach.
#[utoipa::path(get, path = "/services", operation_id = "services.list", tag = "services",
    responses((status = 200, description = "All of them", body = [ServiceDto])))]
pub async fn list(State(api): State<Api>, Viewer(caller): Viewer) -> Answer<Json<Vec<ServiceDto>>> {
    Ok(Json(api.engine.services(&caller.organization).into_iter().map(ServiceDto::from).collect()))
}
