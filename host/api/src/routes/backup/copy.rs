use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use bulkhead_model::Role;
use utoipa::ToSchema;

use super::meant;
use crate::Api;
use crate::auth::Operator;
use crate::dto::JobDto;
use crate::fields::Fields;
use crate::made::{Replayed, Started};
use crate::path::Id;
use crate::problem::{Answer, Conflict};

/// Where to.
#[derive(ToSchema)]
#[schema(as = CopyBackup)]
#[expect(dead_code, reason = "the shape of the body, for its document and the list of known fields")]
struct CopyBackupBody {
    /// The target that it is to lie in as well.
    #[schema(pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
    target: String,
}

/// `POST /backups/{id}/copy`: a job puts the backup into another target as well, byte for byte.
#[utoipa::path(post, path = "/backups/{id}/copy", operation_id = "backups.copy", tag = "backups",
    params(("id" = String, Path, min_length = 1, description = "Id, unique prefix of it, or name"), Started),
    request_body = CopyBackupBody,
    responses((status = 202, description = "A job copies it", body = JobDto), Conflict))]
pub async fn copy(
    State(api): State<Api>,
    Operator(caller): Operator,
    Id(id): Id,
    body: Fields,
) -> Answer<(StatusCode, Replayed, Json<JobDto>)> {
    let mut body = body.only_of::<CopyBackupBody>()?;
    let target = body.required("target", "offsite")?;
    let backup = meant(&api, &caller, Role::Operator, &id).await?;
    let idempotency = body.idempotency.take();
    let made = api.engine.copy_backup(&caller.organization, &backup.id, &target, idempotency).await?;
    let job = made.value;
    tracing::info!(subject = caller.subject, backup = %backup.id, job = %job.id, %target, "copy asked for");
    Ok((StatusCode::ACCEPTED, Replayed(made.replayed), Json(job.into())))
}
