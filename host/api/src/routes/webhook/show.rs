use axum::Json;
use axum::extract::State;

use super::parse;
use crate::Api;
use crate::auth::OrgAdministrator;
use crate::dto::WebhookDto;
use crate::path::{Id, found};
use crate::problem::Answer;

/// `GET /webhooks/{id}`: one webhook; never its secret.
#[utoipa::path(get, path = "/webhooks/{id}", operation_id = "webhooks.show", tag = "webhooks",
    params(("id" = String, Path, pattern = "^[0-9a-f]{32}$")),
    responses((status = 200, description = "The webhook", body = WebhookDto)))]
pub async fn show(
    State(api): State<Api>,
    OrgAdministrator(caller): OrgAdministrator,
    Id(id): Id,
) -> Answer<Json<WebhookDto>> {
    let webhook = api.engine.catalog().webhook(&caller.organization, &parse(&id)?).await;
    Ok(Json(found(webhook, "webhook", &id)?.into()))
}
