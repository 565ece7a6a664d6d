use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;

use crate::Api;
use crate::auth::Operator;
use crate::dto::JobDto;
use crate::problem::Answer;

/// `POST /backups/{id}/verify`: a job reads every stored byte and compares it with the manifest.
pub async fn verify(
    State(api): State<Api>,
    Operator(caller): Operator,
    Path(id): Path<String>,
) -> Answer<(StatusCode, Json<JobDto>)> {
    let backup = api.engine.catalog().resolve_backup(&caller.organization, &id).await?;
    let job = api.engine.verify_backup(&caller.organization, &backup.id).await?;
    tracing::info!(organization = %caller.organization, subject = caller.subject, backup = %backup.id, job = %job.id, "verification asked for");
    Ok((StatusCode::ACCEPTED, Json(job.into())))
}
