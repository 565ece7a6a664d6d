use axum::extract::State;
use axum::http::StatusCode;
use bulkhead_model::Role;

use super::meant;
use crate::Api;
use crate::auth::Administrator;
use crate::path::Id;
use crate::problem::{Answer, Conflict};

/// `DELETE /backups/schedules/{id}`: it fires no more; its backups stay, its jobs that wait are cancelled, those that run go on.
#[utoipa::path(delete, path = "/backups/schedules/{id}", operation_id = "schedules.delete", tag = "schedules",
    params(("id" = i64, Path, minimum = 1)),
    responses((status = 204, description = "It is gone"), Conflict))]
pub async fn delete(State(api): State<Api>, Administrator(caller): Administrator, Id(id): Id) -> Answer<StatusCode> {
    let schedule = meant(&api, &caller, Role::Administrator, &id).await?;
    let schedule = api.engine.delete_schedule(&caller.organization, schedule.id).await?;
    tracing::info!(subject = caller.subject, schedule = %schedule.id, "schedule deleted");
    Ok(StatusCode::NO_CONTENT)
}
