use axum::Json;
use axum::extract::State;

use crate::Api;
use crate::auth::OrgAdministrator;
use crate::dto::{ApiKeyDto, ApiKeyPage};
use crate::fields::{PageQuery, Paged, QueryFields};
use crate::problem::Answer;

/// `GET /api-keys`: newest first, revoked and expired ones too, a page at a time.
#[utoipa::path(get, path = "/api-keys", operation_id = "api_keys.list", tag = "access", params(PageQuery),
    responses((status = 200, description = "Newest first, a page at a time", body = ApiKeyPage)))]
pub async fn list(
    State(api): State<Api>,
    OrgAdministrator(caller): OrgAdministrator,
    QueryFields(query): QueryFields,
) -> Answer<Json<ApiKeyPage>> {
    let page = query.page()?;
    let (keys, total) = api.engine.catalog().api_keys(&caller.organization, page).await?;
    let api_keys = keys.into_iter().map(ApiKeyDto::from).collect();
    Ok(Json(ApiKeyPage { api_keys, api_keys_count: total, pages_count: Paged::new(total, page).pages }))
}
