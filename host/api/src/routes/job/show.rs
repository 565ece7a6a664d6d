use axum::Json;
use axum::extract::{Path, State};

use super::parse;
use crate::Api;
use crate::auth::Viewer;
use crate::dto::JobDto;
use crate::problem::Answer;

/// `GET /jobs/{id}`.
pub async fn show(State(api): State<Api>, Viewer(caller): Viewer, Path(id): Path<String>) -> Answer<Json<JobDto>> {
    let job = api.engine.catalog().job(&caller.organization, &parse(&id)?).await?;
    Ok(Json(job.into()))
}
