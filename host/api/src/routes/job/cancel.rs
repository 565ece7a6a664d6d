use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use bulkhead_model::Role;

use super::meant;
use crate::Api;
use crate::auth::Operator;
use crate::dto::JobDto;
use crate::fields::NoBody;
use crate::path::Id;
use crate::problem::{Answer, Conflict};

/// `POST /jobs/{id}/cancel`: a job that waits stops at once, one that runs within seconds. Asked for again, the same is answered.
#[utoipa::path(post, path = "/jobs/{id}/cancel", operation_id = "jobs.cancel", tag = "jobs",
    params(("id" = String, Path, pattern = "^[0-9a-f]{32}$", description = "32 hexadecimal digits")),
    responses((status = 202, description = "The job is asked to stop", body = JobDto), Conflict))]
pub async fn cancel(
    State(api): State<Api>,
    Operator(caller): Operator,
    Id(id): Id,
    _body: NoBody,
) -> Answer<(StatusCode, Json<JobDto>)> {
    let job = meant(&api, &caller, Role::Operator, &id).await?;
    let job = api.engine.cancel_job(&caller.organization, &job.id).await?;
    tracing::info!(subject = caller.subject, job = %job.id, "cancellation asked for");
    Ok((StatusCode::ACCEPTED, Json(job.into())))
}
