use axum::Json;
use axum::extract::State;
use bulkhead_engine::UpdateWebhook;
use bulkhead_model::{Failure, Result};
use utoipa::ToSchema;

use super::body::events;
use super::parse;
use crate::Api;
use crate::auth::OrgAdministrator;
use crate::dto::{EventWord, WebhookDto};
use crate::fields::Fields;
use crate::path::{Id, found};
use crate::problem::{Answer, Conflict};

/// What can be changed of a webhook; what is left out stays.
#[derive(ToSchema)]
#[schema(as = UpdateWebhook)]
#[expect(dead_code, reason = "the shape of the body, for its document and the list of known fields")]
struct UpdateWebhookBody {
    /// Where to; what waits goes there as well.
    #[schema(min_length = 1, max_length = 2000)]
    url: Option<String>,
    /// What of.
    #[schema(min_items = 1)]
    events: Option<Vec<EventWord>>,
    /// Whether it is told anything; what waits is given up when it is not.
    enabled: Option<bool>,
    /// Makes a new secret, which is in the answer; the old one signs no more.
    rotate_secret: Option<bool>,
}

/// `PATCH /webhooks/{id}`: changes a webhook.
#[utoipa::path(patch, path = "/webhooks/{id}", operation_id = "webhooks.update", tag = "webhooks",
    params(("id" = String, Path, pattern = "^[0-9a-f]{32}$")), request_body = UpdateWebhookBody,
    responses((status = 200, description = "The webhook as it is now; with its secret when that is new", body = WebhookDto),
        Conflict))]
pub async fn update(
    State(api): State<Api>,
    OrgAdministrator(caller): OrgAdministrator,
    Id(id): Id,
    body: Fields,
) -> Answer<Json<WebhookDto>> {
    let change = read(body)?;
    let changed = api.engine.update_webhook(&caller.organization, &parse(&id)?, change).await;
    let (webhook, secret) = found(changed, "webhook", &id)?;
    tracing::info!(subject = caller.subject, webhook = %webhook.id, "webhook changed");
    Ok(Json(WebhookDto::with_secret(webhook, secret)))
}

fn read(body: Fields) -> Result<UpdateWebhook> {
    let body = body.only_of::<UpdateWebhookBody>()?;
    if body.is_empty() {
        return Err(Failure::invalid("the body says nothing to change").with_hint("e.g. {\"enabled\": false}"));
    }
    Ok(UpdateWebhook {
        url: body.text("url")?.map(str::to_owned),
        events: events(&body)?,
        enabled: body.flag("enabled")?,
        rotate_secret: body.flag("rotate_secret")?.unwrap_or(false),
    })
}
