use axum::Json;
use axum::extract::State;
use bulkhead_model::{Failure, ServiceId};

use crate::Api;
use crate::auth::Viewer;
use crate::dto::ServiceDto;
use crate::path::Id;
use crate::problem::Answer;

/// `GET /services/{id}`.
#[utoipa::path(get, path = "/services/{id}", operation_id = "services.show", tag = "services",
    params(("id" = String, Path)),
    responses((status = 200, description = "The service", body = ServiceDto)))]
pub async fn show(State(api): State<Api>, Viewer(caller): Viewer, Id(id): Id) -> Answer<Json<ServiceDto>> {
    let id: ServiceId = id.parse().map_err(|_| Failure::not_found(format!("there is no service `{id}`")))?;
    Ok(Json(api.engine.service(&caller.organization, &id)?.into()))
}
