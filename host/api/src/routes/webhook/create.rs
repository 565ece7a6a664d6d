use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use bulkhead_engine::CreateWebhook;
use utoipa::ToSchema;

use super::body::{all, events};
use crate::Api;
use crate::auth::OrgAdministrator;
use crate::dto::{EventWord, WebhookDto};
use crate::fields::Fields;
use crate::problem::{Answer, Conflict};

/// Where to, and what of.
#[derive(ToSchema)]
#[schema(as = CreateWebhook)]
#[expect(dead_code, reason = "the shape of the body, for its document and the list of known fields")]
struct CreateWebhookBody {
    /// `https://...`, or `http://...`; of a public host, unless the operator allowed it.
    #[schema(min_length = 1, max_length = 2000, example = "https://example.com/hook")]
    url: String,
    /// What of; all when left out.
    #[schema(min_items = 1)]
    events: Option<Vec<EventWord>>,
    /// Whether it is told anything; it is when left out.
    enabled: Option<bool>,
}

/// `POST /webhooks`: notices go to this address from now on. The secret that signs them is in this answer and nowhere else.
#[utoipa::path(post, path = "/webhooks", operation_id = "webhooks.create", tag = "webhooks",
    request_body = CreateWebhookBody,
    responses((status = 201, description = "The webhook, with its secret", body = WebhookDto,
        headers(("Location" = String))), Conflict))]
pub async fn create(
    State(api): State<Api>,
    OrgAdministrator(caller): OrgAdministrator,
    body: Fields,
) -> Answer<(StatusCode, [(HeaderName, String); 1], Json<WebhookDto>)> {
    let body = body.only_of::<CreateWebhookBody>()?;
    let ask = CreateWebhook {
        url: body.required("url", "https://example.com/hook")?,
        events: events(&body)?.unwrap_or_else(all),
        enabled: body.flag("enabled")?.unwrap_or(true),
    };
    let (webhook, secret) = api.engine.create_webhook(&caller.organization, ask).await?;
    tracing::info!(subject = caller.subject, webhook = %webhook.id, "webhook made");
    let location = format!("/v1/webhooks/{}", webhook.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(WebhookDto::with_secret(webhook, Some(secret)))))
}
