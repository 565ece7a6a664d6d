use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use bulkhead_model::Role;

use super::meant;
use crate::Api;
use crate::auth::Operator;
use crate::dto::JobDto;
use crate::fields::NoBody;
use crate::made::{Replayed, Started};
use crate::path::Id;
use crate::problem::{Answer, Conflict};

/// `POST /backups/{id}/verify`: a job reads every stored byte and compares it with the manifest.
#[utoipa::path(post, path = "/backups/{id}/verify", operation_id = "backups.verify", tag = "backups",
    params(("id" = String, Path, min_length = 1, description = "Id, unique prefix of it, or name"), Started),
    responses((status = 202, description = "A job verifies it", body = JobDto), Conflict))]
pub async fn verify(
    State(api): State<Api>,
    Operator(caller): Operator,
    Id(id): Id,
    body: NoBody,
) -> Answer<(StatusCode, Replayed, Json<JobDto>)> {
    let backup = meant(&api, &caller, Role::Operator, &id).await?;
    let made = api
        .engine
        .verify_backup(&caller.organization, &backup.id, bulkhead_engine::VerifyLevel::default(), body.idempotency)
        .await?;
    let job = made.value;
    tracing::info!(subject = caller.subject, backup = %backup.id, job = %job.id, "verification asked for");
    Ok((StatusCode::ACCEPTED, Replayed(made.replayed), Json(job.into())))
}
