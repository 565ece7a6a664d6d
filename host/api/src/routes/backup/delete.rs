use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use bulkhead_model::Role;
use utoipa::IntoParams;

use super::meant;
use crate::Api;
use crate::auth::Administrator;
use crate::dto::JobDto;
use crate::fields::QueryFields;
use crate::path::Id;
use crate::problem::{Answer, Conflict};

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "the parameters, for their document")]
struct DeleteQuery {
    /// Whether backups that are restored on top of it go as well.
    #[param(default = false)]
    with_dependants: Option<bool>,
}

/// `DELETE /backups/{id}`: from now on it cannot be restored; a job removes its objects.
#[utoipa::path(delete, path = "/backups/{id}", operation_id = "backups.delete", tag = "backups",
    params(("id" = String, Path, min_length = 1, description = "Id, unique prefix of it, or name"), DeleteQuery),
    responses((status = 202, description = "A job removes its objects", body = JobDto), Conflict))]
pub async fn delete(
    State(api): State<Api>,
    Administrator(caller): Administrator,
    Id(id): Id,
    QueryFields(query): QueryFields,
) -> Answer<(StatusCode, Json<JobDto>)> {
    let with_dependants = query.flag("with_dependants")?.unwrap_or(false);
    let backup = meant(&api, &caller, Role::Administrator, &id).await?;
    let job = api.engine.delete_backup(&caller.organization, &backup.id, with_dependants).await?;
    tracing::info!(subject = caller.subject, backup = %backup.id, job = %job.id, "deletion asked for");
    Ok((StatusCode::ACCEPTED, Json(job.into())))
}
