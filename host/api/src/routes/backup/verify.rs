use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use crate::Api;
use crate::auth::Operator;
use crate::dto::JobDto;
use crate::fields::NoBody;
use crate::path::Id;
use crate::problem::{Answer, Conflict};

/// `POST /backups/{id}/verify`: a job reads every stored byte and compares it with the manifest.
#[utoipa::path(post, path = "/backups/{id}/verify", operation_id = "backups.verify", tag = "backups",
    params(("id" = String, Path, description = "Id, unique prefix of it, or name")),
    responses((status = 202, description = "A job verifies it", body = JobDto), Conflict))]
pub async fn verify(
    State(api): State<Api>,
    Operator(caller): Operator,
    Id(id): Id,
    _body: NoBody,
) -> Answer<(StatusCode, Json<JobDto>)> {
    let backup = api.engine.catalog().resolve_backup(&caller.organization, &id).await?;
    let job = api.engine.verify_backup(&caller.organization, &backup.id, None).await?.value;
    tracing::info!(organization = %caller.organization, subject = caller.subject, backup = %backup.id, job = %job.id, "verification asked for");
    Ok((StatusCode::ACCEPTED, Json(job.into())))
}
