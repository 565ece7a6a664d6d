use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use bulkhead_model::{Result, Role};

use super::body::{Ask, CreateScheduleBody, read};
use crate::Api;
use crate::auth::{Caller, Operator};
use crate::dto::ScheduleDto;
use crate::fields::Fields;
use crate::made::{Replayed, Started};
use crate::problem::{Answer, Conflict, NotFound, Unsupported};

/// `POST /backups/schedules`: makes a backup now (`once`), or again and again.
///
/// The first needs the role operator, the second administrator, and `external_storage` that on the whole organization.
#[utoipa::path(post, path = "/backups/schedules", operation_id = "schedules.create", tag = "schedules",
    request_body = CreateScheduleBody, params(Started),
    responses((status = 201, description = "It is scheduled", body = ScheduleDto,
        headers(("Location" = String), ("Idempotent-Replayed" = Option<bool>))), NotFound, Conflict, Unsupported))]
pub async fn create(
    State(api): State<Api>,
    Operator(caller): Operator,
    body: Fields,
) -> Answer<(StatusCode, Replayed, [(HeaderName, String); 1], Json<ScheduleDto>)> {
    let (answer, id, replayed) = match read(body)? {
        Ask::Once(ask) => {
            caller.on(Role::Operator, &ask.service)?;
            may_bring(&caller, ask.external.is_some())?;
            let made = api.engine.create_backup(&caller.organization, ask).await?;
            let (schedule, backup, job) = made.value;
            tracing::info!(subject = caller.subject, backup = %backup.id, job = %job.id, "backup asked for");
            let id = schedule.id;
            (ScheduleDto::created(schedule, &backup, &job), id, made.replayed)
        }
        Ask::Recurring(ask) => {
            caller.on(Role::Administrator, &ask.service)?;
            may_bring(&caller, ask.external.is_some())?;
            let made = api.engine.create_schedule(&caller.organization, ask).await?;
            let schedule = made.value;
            tracing::info!(subject = caller.subject, schedule = %schedule.id, "schedule made");
            let id = schedule.id;
            (ScheduleDto::from(schedule), id, made.replayed)
        }
    };
    let answer = answer.with_storage(&api.engine.inline_addresses(&caller.organization).await?);
    let location = format!("/v1/backups/schedules/{id}");
    Ok((StatusCode::CREATED, Replayed(replayed), [(header::LOCATION, location)], Json(answer)))
}

/// Storage of one's own becomes a target of the organization.
fn may_bring(caller: &Caller, storage: bool) -> Result<()> {
    if storage { caller.require_everywhere(Role::Administrator) } else { Ok(()) }
}
