use axum::Json;
use axum::extract::State;
use bulkhead_model::Role;

use super::meant;
use crate::Api;
use crate::auth::Viewer;
use crate::dto::ScheduleDto;
use crate::path::Id;
use crate::problem::Answer;

/// `GET /backups/schedules/{id}`: one schedule.
#[utoipa::path(get, path = "/backups/schedules/{id}", operation_id = "schedules.show", tag = "schedules",
    params(("id" = i64, Path, minimum = 1)),
    responses((status = 200, description = "The schedule", body = ScheduleDto)))]
pub async fn show(State(api): State<Api>, Viewer(caller): Viewer, Id(id): Id) -> Answer<Json<ScheduleDto>> {
    let schedule = ScheduleDto::from(meant(&api, &caller, Role::Viewer, &id).await?);
    Ok(Json(schedule.with_storage(&api.engine.inline_addresses(&caller.organization).await?)))
}
