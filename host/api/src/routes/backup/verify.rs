use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use bulkhead_engine::VerifyLevel;
use bulkhead_model::{Failure, Result, Role};
use utoipa::ToSchema;

use super::meant;
use crate::Api;
use crate::auth::Operator;
use crate::dto::JobDto;
use crate::fields::OptionalBody;
use crate::made::{Replayed, Started};
use crate::path::{Id, missing};
use crate::problem::{Answer, Conflict, Unsupported};

/// How deep it is looked.
#[derive(ToSchema)]
#[schema(as = VerifyBackup)]
#[expect(dead_code, reason = "the shape of the body, for its document and the list of known fields")]
struct VerifyBackupBody {
    /// `stored`: the stored bytes are those of the manifest. `content`: besides, they decrypt and decompress to what the method wrote.
    /// `drill`: it is restored into a throw-away server, and that is held against what was written down when it was made.
    #[schema(inline, default = "content")]
    level: Option<Level>,
}

/// The levels.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "for the document")]
enum Level {
    Stored,
    Content,
    Drill,
}

/// `POST /backups/{id}/verify`: a job looks whether the backup is what it should be.
#[utoipa::path(post, path = "/backups/{id}/verify", operation_id = "backups.verify", tag = "backups",
    params(("id" = String, Path, min_length = 1, description = "Id, unique prefix of it, or name"), Started),
    request_body = Option<VerifyBackupBody>,
    responses((status = 202, description = "A job verifies it", body = JobDto), Conflict, Unsupported))]
pub async fn verify(
    State(api): State<Api>,
    Operator(caller): Operator,
    Id(id): Id,
    OptionalBody(body): OptionalBody,
) -> Answer<(StatusCode, Replayed, Json<JobDto>)> {
    let mut body = body.only_of::<VerifyBackupBody>()?;
    let level = body.read("level", level)?.unwrap_or_default();
    // By now the same words may mean another backup, or nothing; what they have made before stands.
    let before = api.engine.catalog().job_made_before(&caller.organization, body.idempotency.as_ref()).await?;
    if let Some(job) = before {
        caller.on_part_of(Role::Operator, &job.service, || missing("backup", &id))?;
        return Ok((StatusCode::ACCEPTED, Replayed(true), Json(job.into())));
    }
    let backup = meant(&api, &caller, Role::Operator, &id).await?;
    let idempotency = body.idempotency.take();
    let made = api.engine.verify_backup(&caller.organization, &backup.id, level, idempotency).await?;
    let job = made.value;
    tracing::info!(subject = caller.subject, backup = %backup.id, job = %job.id, ?level, "verification asked for");
    Ok((StatusCode::ACCEPTED, Replayed(made.replayed), Json(job.into())))
}

fn level(text: &str) -> Result<VerifyLevel> {
    match text {
        "stored" => Ok(VerifyLevel::Stored),
        "content" => Ok(VerifyLevel::Content),
        "drill" => Ok(VerifyLevel::Drill),
        other => Err(Failure::invalid(format!("`{}` is no level", other.escape_debug()))
            .with_hint("use stored, content or drill")),
    }
}
