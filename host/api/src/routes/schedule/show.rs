use axum::Json;
use axum::extract::{Path, State};
use bulkhead_model::{Failure, ScheduleId};

use crate::Api;
use crate::auth::Viewer;
use crate::dto::ScheduleDto;
use crate::problem::Answer;

/// `GET /backups/schedules/{id}`.
pub async fn show(State(api): State<Api>, Viewer(caller): Viewer, Path(id): Path<String>) -> Answer<Json<ScheduleDto>> {
    let number = id.parse().map_err(|_| Failure::not_found(format!("there is no schedule `{id}`")))?;
    let schedule = api.engine.catalog().schedule(&caller.organization, ScheduleId(number)).await?;
    Ok(Json(schedule.into()))
}
