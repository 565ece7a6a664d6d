use axum::extract::State;
use axum::http::StatusCode;

use super::parse;
use crate::Api;
use crate::auth::OrgAdministrator;
use crate::path::{Id, found};
use crate::problem::{Answer, Conflict};

/// `DELETE /targets/{id}`: forgets a target that no backup and no schedule uses. What lies in the place itself stays there.
#[utoipa::path(delete, path = "/targets/{id}", operation_id = "targets.delete", tag = "targets",
    params(("id" = String, Path, pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")),
    responses((status = 204, description = "It is gone"), Conflict))]
pub async fn delete(
    State(api): State<Api>,
    OrgAdministrator(caller): OrgAdministrator,
    Id(id): Id,
) -> Answer<StatusCode> {
    found(api.engine.delete_target(&caller.organization, &parse(&id)?).await, "target", &id)?;
    tracing::info!(subject = caller.subject, target = id, "target deleted");
    Ok(StatusCode::NO_CONTENT)
}
