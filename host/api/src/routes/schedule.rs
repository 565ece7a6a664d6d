//! `/backups/schedules`.

mod body;
mod create;
mod delete;
mod list;
mod retention_plan;
mod show;
mod update;

use bulkhead_catalog::Schedule;
use bulkhead_model::{Result, Role, ScheduleId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Api;
use crate::auth::Caller;
use crate::path::{found, missing, number};

/// The operations.
pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::default()
        .routes(routes!(list::list, create::create))
        .routes(routes!(show::show, update::update, delete::delete))
        .routes(routes!(retention_plan::retention_plan))
}

/// The schedule that a caller means, when they may do this much with it. Schedules are numbered; anything else names none.
async fn meant(api: &Api, caller: &Caller, role: Role, text: &str) -> Result<Schedule> {
    let id = number(text).map(ScheduleId).ok_or_else(|| missing("schedule", text))?;
    let schedule = found(api.engine.catalog().schedule(&caller.organization, id).await, "schedule", text)?;
    caller.on_part_of(role, &schedule.service, || missing("schedule", text))?;
    Ok(schedule)
}
