use axum::Json;
use axum::extract::State;

use super::parse;
use crate::Api;
use crate::auth::OrgAdministrator;
use crate::dto::{DeliveryDto, DeliveryPage};
use crate::fields::{PageQuery, Paged, QueryFields};
use crate::path::{Id, found};
use crate::problem::Answer;

/// `GET /webhooks/{id}/deliveries`: what was sent, and what became of it; newest first, a page at a time.
#[utoipa::path(get, path = "/webhooks/{id}/deliveries", operation_id = "webhooks.deliveries", tag = "webhooks",
    params(("id" = String, Path, pattern = "^[0-9a-f]{32}$"), PageQuery),
    responses((status = 200, description = "Newest first, a page at a time", body = DeliveryPage)))]
pub async fn deliveries(
    State(api): State<Api>,
    OrgAdministrator(caller): OrgAdministrator,
    Id(id): Id,
    QueryFields(query): QueryFields,
) -> Answer<Json<DeliveryPage>> {
    let page = query.page()?;
    let listed = api.engine.catalog().deliveries(&caller.organization, &parse(&id)?, page).await;
    let (deliveries, total) = found(listed, "webhook", &id)?;
    let deliveries = deliveries.into_iter().map(DeliveryDto::from).collect();
    Ok(Json(DeliveryPage { deliveries, deliveries_count: total, pages_count: Paged::new(total, page).pages }))
}
