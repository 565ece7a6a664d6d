use axum::Json;
use axum::extract::{Path, State};
use bulkhead_model::{Failure, ServiceId};

use crate::Api;
use crate::auth::Viewer;
use crate::dto::ServiceDto;
use crate::problem::Answer;

/// `GET /services/{id}`.
pub async fn show(State(api): State<Api>, Viewer(caller): Viewer, Path(id): Path<String>) -> Answer<Json<ServiceDto>> {
    let id: ServiceId = id.parse().map_err(|_| Failure::not_found(format!("there is no service `{id}`")))?;
    Ok(Json(api.engine.service(&caller.organization, &id)?.into()))
}
