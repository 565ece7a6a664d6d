use axum::Json;
use axum::extract::State;
use bulkhead_model::Role;

use super::parse;
use crate::Api;
use crate::auth::Viewer;
use crate::dto::ServiceDto;
use crate::path::Id;
use crate::problem::{Answer, Conflict};

/// `GET /services/{id}`: one service.
#[utoipa::path(get, path = "/services/{id}", operation_id = "services.show", tag = "services",
    params(("id" = String, Path, pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")),
    responses((status = 200, description = "The service", body = ServiceDto), Conflict))]
pub async fn show(State(api): State<Api>, Viewer(caller): Viewer, Id(id): Id) -> Answer<Json<ServiceDto>> {
    let id = parse(&id)?;
    caller.on(Role::Viewer, &id)?;
    let service = api.engine.service(&caller.organization, &id)?;
    let closed = api.engine.closed(&caller.organization, &id).await?;
    Ok(Json(ServiceDto::new(service, closed.as_ref(), api.engine.has_front_door_trouble(&id))))
}
