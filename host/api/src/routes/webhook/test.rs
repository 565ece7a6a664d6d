use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use super::parse;
use crate::Api;
use crate::auth::OrgAdministrator;
use crate::dto::DeliveryDto;
use crate::fields::NoBody;
use crate::path::{Id, found};
use crate::problem::{Answer, Conflict};

/// `POST /webhooks/{id}/test`: sends a notice that tells nothing. What becomes of it stands among the deliveries.
#[utoipa::path(post, path = "/webhooks/{id}/test", operation_id = "webhooks.test", tag = "webhooks",
    params(("id" = String, Path, pattern = "^[0-9a-f]{32}$")),
    responses((status = 202, description = "It is on its way", body = DeliveryDto), Conflict))]
pub async fn test(
    State(api): State<Api>,
    OrgAdministrator(caller): OrgAdministrator,
    Id(id): Id,
    _body: NoBody,
) -> Answer<(StatusCode, Json<DeliveryDto>)> {
    let delivery = api.engine.test_webhook(&caller.organization, &parse(&id)?).await;
    Ok((StatusCode::ACCEPTED, Json(found(delivery, "webhook", &id)?.into())))
}
