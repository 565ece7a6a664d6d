use axum::Json;
use axum::extract::State;

use crate::Api;
use crate::auth::OrgAdministrator;
use crate::dto::{WebhookDto, WebhookPage};
use crate::fields::{PageQuery, Paged, QueryFields};
use crate::problem::Answer;

/// `GET /webhooks`: newest first, a page at a time.
#[utoipa::path(get, path = "/webhooks", operation_id = "webhooks.list", tag = "webhooks", params(PageQuery),
    responses((status = 200, description = "Newest first, a page at a time", body = WebhookPage)))]
pub async fn list(
    State(api): State<Api>,
    OrgAdministrator(caller): OrgAdministrator,
    QueryFields(query): QueryFields,
) -> Answer<Json<WebhookPage>> {
    let page = query.page()?;
    let (webhooks, total) = api.engine.catalog().webhooks(&caller.organization, page).await?;
    let webhooks = webhooks.into_iter().map(WebhookDto::from).collect();
    Ok(Json(WebhookPage { webhooks, webhooks_count: total, pages_count: Paged::new(total, page).pages }))
}
