use axum::extract::State;
use axum::http::StatusCode;

use super::parse;
use crate::Api;
use crate::auth::OrgAdministrator;
use crate::path::{Id, found};
use crate::problem::Answer;

/// `DELETE /webhooks/{id}`: it is told nothing more; what waits is given up.
#[utoipa::path(delete, path = "/webhooks/{id}", operation_id = "webhooks.delete", tag = "webhooks",
    params(("id" = String, Path, pattern = "^[0-9a-f]{32}$")),
    responses((status = 204, description = "It is gone")))]
pub async fn delete(
    State(api): State<Api>,
    OrgAdministrator(caller): OrgAdministrator,
    Id(id): Id,
) -> Answer<StatusCode> {
    found(api.engine.delete_webhook(&caller.organization, &parse(&id)?).await, "webhook", &id)?;
    tracing::info!(subject = caller.subject, webhook = id, "webhook deleted");
    Ok(StatusCode::NO_CONTENT)
}
