use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;

use super::parse;
use crate::Api;
use crate::auth::Operator;
use crate::dto::JobDto;
use crate::problem::Answer;

/// `POST /jobs/{id}/cancel`: a job that waits stops at once, one that runs within seconds.
pub async fn cancel(
    State(api): State<Api>,
    Operator(caller): Operator,
    Path(id): Path<String>,
) -> Answer<(StatusCode, Json<JobDto>)> {
    let job = api.engine.cancel_job(&caller.organization, &parse(&id)?).await?;
    tracing::info!(organization = %caller.organization, subject = caller.subject, job = %job.id, "cancellation asked for");
    Ok((StatusCode::ACCEPTED, Json(job.into())))
}
