use axum::Json;
use axum::extract::State;
use bulkhead_model::Role;

use super::meant;
use crate::Api;
use crate::auth::Viewer;
use crate::dto::JobDto;
use crate::path::Id;
use crate::problem::Answer;

/// `GET /jobs/{id}`: one job.
#[utoipa::path(get, path = "/jobs/{id}", operation_id = "jobs.show", tag = "jobs",
    params(("id" = String, Path, pattern = "^[0-9a-f]{32}$", description = "32 hexadecimal digits")),
    responses((status = 200, description = "The job", body = JobDto)))]
pub async fn show(State(api): State<Api>, Viewer(caller): Viewer, Id(id): Id) -> Answer<Json<JobDto>> {
    Ok(Json(meant(&api, &caller, Role::Viewer, &id).await?.into()))
}
