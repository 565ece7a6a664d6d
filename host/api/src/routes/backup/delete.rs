use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;

use crate::Api;
use crate::auth::Administrator;
use crate::dto::JobDto;
use crate::problem::Answer;

/// `DELETE /backups/{id}`: from now on it cannot be restored; a job removes its objects.
pub async fn delete(
    State(api): State<Api>,
    Administrator(caller): Administrator,
    Path(id): Path<String>,
) -> Answer<(StatusCode, Json<JobDto>)> {
    let backup = api.engine.catalog().resolve_backup(&caller.organization, &id).await?;
    let job = api.engine.delete_backup(&caller.organization, &backup.id).await?;
    tracing::info!(organization = %caller.organization, subject = caller.subject, backup = %backup.id, job = %job.id, "deletion asked for");
    Ok((StatusCode::ACCEPTED, Json(job.into())))
}
