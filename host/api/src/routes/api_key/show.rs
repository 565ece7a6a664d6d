use axum::Json;
use axum::extract::State;

use super::parse;
use crate::Api;
use crate::auth::OrgAdministrator;
use crate::dto::ApiKeyDto;
use crate::path::{Id, found};
use crate::problem::Answer;

/// `GET /api-keys/{id}`: one key; never its text.
#[utoipa::path(get, path = "/api-keys/{id}", operation_id = "api_keys.show", tag = "access",
    params(("id" = String, Path, pattern = "^[0-9a-f]{32}$")),
    responses((status = 200, description = "The key", body = ApiKeyDto)))]
pub async fn show(
    State(api): State<Api>,
    OrgAdministrator(caller): OrgAdministrator,
    Id(id): Id,
) -> Answer<Json<ApiKeyDto>> {
    let key = api.engine.catalog().api_key(&caller.organization, &parse(&id)?).await;
    Ok(Json(found(key, "API key", &id)?.into()))
}
