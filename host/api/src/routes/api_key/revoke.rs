use axum::extract::State;
use axum::http::StatusCode;

use super::parse;
use crate::Api;
use crate::auth::OrgAdministrator;
use crate::path::{Id, found};
use crate::problem::Answer;

/// `DELETE /api-keys/{id}`: the key is useless from now on; the record of it stays.
#[utoipa::path(delete, path = "/api-keys/{id}", operation_id = "api_keys.revoke", tag = "access",
    params(("id" = String, Path, pattern = "^[0-9a-f]{32}$")),
    responses((status = 204, description = "It is revoked")))]
pub async fn revoke(
    State(api): State<Api>,
    OrgAdministrator(caller): OrgAdministrator,
    Id(id): Id,
) -> Answer<StatusCode> {
    let key = found(api.engine.catalog().revoke_api_key(&caller.organization, &parse(&id)?).await, "API key", &id)?;
    tracing::info!(subject = caller.subject, key = key.prefix, "API key revoked");
    Ok(StatusCode::NO_CONTENT)
}
