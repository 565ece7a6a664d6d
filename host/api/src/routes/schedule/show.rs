use axum::Json;
use axum::extract::State;
use bulkhead_model::{Failure, ScheduleId};

use crate::Api;
use crate::auth::Viewer;
use crate::dto::ScheduleDto;
use crate::path::Id;
use crate::problem::Answer;

/// `GET /backups/schedules/{id}`.
#[utoipa::path(get, path = "/backups/schedules/{id}", operation_id = "schedules.show", tag = "schedules",
    params(("id" = i64, Path, minimum = 1)),
    responses((status = 200, description = "The schedule", body = ScheduleDto)))]
pub async fn show(State(api): State<Api>, Viewer(caller): Viewer, Id(id): Id) -> Answer<Json<ScheduleDto>> {
    let number = id.parse().map_err(|_| Failure::not_found(format!("there is no schedule `{id}`")))?;
    let schedule = api.engine.catalog().schedule(&caller.organization, ScheduleId(number)).await?;
    Ok(Json(schedule.into()))
}
