use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use bulkhead_engine::CreateReset;
use bulkhead_model::Role;
use utoipa::ToSchema;

use super::parse;
use crate::Api;
use crate::auth::Administrator;
use crate::dto::JobDto;
use crate::fields::OptionalBody;
use crate::made::{Replayed, Started};
use crate::path::Id;
use crate::problem::{Answer, Conflict, Unsupported};

/// What comes before.
#[derive(ToSchema)]
#[schema(as = ResetService)]
#[expect(dead_code, reason = "the shape of the body, for its document and the list of known fields")]
struct ResetServiceBody {
    /// Back up the service first; when that fails, nothing is reset.
    #[schema(default = true)]
    backup: Option<bool>,
}

/// `POST /services/{id}/reset`: a job drops all databases of the service and runs its migrations again. There is no undo but its backups.
#[utoipa::path(post, path = "/services/{id}/reset", operation_id = "services.reset", tag = "services",
    params(("id" = String, Path, pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$"), Started),
    request_body = Option<ResetServiceBody>,
    responses((status = 202, description = "A job resets it", body = JobDto), Conflict, Unsupported))]
pub async fn reset(
    State(api): State<Api>,
    Administrator(caller): Administrator,
    Id(id): Id,
    OptionalBody(body): OptionalBody,
) -> Answer<(StatusCode, Replayed, Json<JobDto>)> {
    let mut body = body.only_of::<ResetServiceBody>()?;
    let service = parse(&id)?;
    caller.on(Role::Administrator, &service)?;
    let ask = CreateReset {
        service,
        safety_backup: body.flag("backup")?.unwrap_or(true),
        idempotency: body.idempotency.take(),
    };
    let made = api.engine.create_reset(&caller.organization, ask).await?;
    let job = made.value;
    tracing::info!(subject = caller.subject, service = %job.service, job = %job.id, "reset asked for");
    Ok((StatusCode::ACCEPTED, Replayed(made.replayed), Json(job.into())))
}
