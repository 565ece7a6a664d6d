use axum::Json;
use axum::extract::State;

use super::parse;
use crate::Api;
use crate::auth::OrgAdministrator;
use crate::dto::TargetProbeDto;
use crate::fields::NoBody;
use crate::path::{Id, found};
use crate::problem::Answer;

/// `POST /targets/{id}/test`: writes, reads, lists and deletes a small object there, and says what does not work.
#[utoipa::path(post, path = "/targets/{id}/test", operation_id = "targets.test", tag = "targets",
    params(("id" = String, Path, pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")),
    responses((status = 200, description = "What was tried, and how it went", body = TargetProbeDto)))]
pub async fn test(
    State(api): State<Api>,
    OrgAdministrator(caller): OrgAdministrator,
    Id(id): Id,
    _body: NoBody,
) -> Answer<Json<TargetProbeDto>> {
    let found = found(api.engine.test_target(&caller.organization, &parse(&id)?).await, "target", &id)?;
    tracing::info!(subject = caller.subject, target = id, ok = found.ok, "target tested");
    Ok(Json(found.into()))
}
