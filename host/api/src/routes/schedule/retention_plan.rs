use axum::Json;
use axum::extract::State;
use bulkhead_model::{RetentionPolicy, Role};
use utoipa::IntoParams;

use super::meant;
use crate::Api;
use crate::auth::Viewer;
use crate::dto::RetentionPlanDto;
use crate::fields::QueryFields;
use crate::path::Id;
use crate::problem::Answer;

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "the parameters, for their document")]
struct PlanQuery {
    /// Another policy to plan with, as a number or in JSON: what would be if the schedule had it.
    #[param(min_length = 1, example = "{\"daily\":7}")]
    retention: Option<String>,
}

/// `GET /backups/schedules/{id}/retention-plan`: which backups are kept, and why, and which would go now. Nothing is deleted.
#[utoipa::path(get, path = "/backups/schedules/{id}/retention-plan", operation_id = "schedules.plan", tag = "schedules",
    params(("id" = i64, Path, minimum = 1), PlanQuery),
    responses((status = 200, description = "The plan", body = RetentionPlanDto)))]
pub async fn retention_plan(
    State(api): State<Api>,
    Viewer(caller): Viewer,
    Id(id): Id,
    QueryFields(query): QueryFields,
) -> Answer<Json<RetentionPlanDto>> {
    let policy: Option<RetentionPolicy> = query.text("retention")?.map(str::parse).transpose()?;
    let schedule = meant(&api, &caller, Role::Viewer, &id).await?;
    let plan = match policy {
        Some(policy) => api.engine.retention_plan_with(&caller.organization, schedule.id, policy).await?,
        None => api.engine.retention_plan(&caller.organization, schedule.id).await?,
    };
    Ok(Json(plan.into()))
}
