use axum::Json;
use axum::extract::State;

use super::parse;
use crate::Api;
use crate::auth::Viewer;
use crate::dto::JobDto;
use crate::path::Id;
use crate::problem::Answer;

/// `GET /jobs/{id}`.
#[utoipa::path(get, path = "/jobs/{id}", operation_id = "jobs.show", tag = "jobs",
    params(("id" = String, Path, description = "32 hexadecimal digits")),
    responses((status = 200, description = "The job", body = JobDto)))]
pub async fn show(State(api): State<Api>, Viewer(caller): Viewer, Id(id): Id) -> Answer<Json<JobDto>> {
    let job = api.engine.catalog().job(&caller.organization, &parse(&id)?).await?;
    Ok(Json(job.into()))
}
