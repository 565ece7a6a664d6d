use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use crate::Api;
use crate::auth::Administrator;
use crate::dto::JobDto;
use crate::path::Id;
use crate::problem::{Answer, Conflict};

/// `DELETE /backups/{id}`: from now on it cannot be restored; a job removes its objects.
#[utoipa::path(delete, path = "/backups/{id}", operation_id = "backups.delete", tag = "backups",
    params(("id" = String, Path, description = "Id, unique prefix of it, or name")),
    responses((status = 202, description = "A job removes its objects", body = JobDto), Conflict))]
pub async fn delete(
    State(api): State<Api>,
    Administrator(caller): Administrator,
    Id(id): Id,
) -> Answer<(StatusCode, Json<JobDto>)> {
    let backup = api.engine.catalog().resolve_backup(&caller.organization, &id).await?;
    let job = api.engine.delete_backup(&caller.organization, &backup.id, false).await?;
    tracing::info!(organization = %caller.organization, subject = caller.subject, backup = %backup.id, job = %job.id, "deletion asked for");
    Ok((StatusCode::ACCEPTED, Json(job.into())))
}
