use axum::Json;
use axum::extract::State;
use bulkhead_model::Role;

use super::meant;
use crate::Api;
use crate::auth::Viewer;
use crate::dto::RestoreDto;
use crate::path::Id;
use crate::problem::Answer;

/// `GET /restores/{id}`: one restore.
#[utoipa::path(get, path = "/restores/{id}", operation_id = "restores.show", tag = "restores",
    params(("id" = i64, Path, minimum = 1)),
    responses((status = 200, description = "The restore", body = RestoreDto)))]
pub async fn show(State(api): State<Api>, Viewer(caller): Viewer, Id(id): Id) -> Answer<Json<RestoreDto>> {
    let restore = meant(&api, &caller, Role::Viewer, &id).await?;
    let backup = api.engine.catalog().backup(&caller.organization, &restore.backup).await?;
    Ok(Json(RestoreDto::new(restore, &backup)))
}
