use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue};

use crate::Api;
use crate::auth::Viewer;
use crate::dto::ServiceDto;
use crate::fields::{ALL, ManyQuery, Paged, QueryFields, cut};
use crate::problem::Answer;

/// `GET /services`: those that this host can reach.
#[utoipa::path(get, path = "/services", operation_id = "services.list", tag = "services", params(ManyQuery),
    responses((status = 200, description = "By id", body = [ServiceDto],
        headers(("X-Total-Count" = u64, description = "Services on all pages")))))]
pub async fn list(
    State(api): State<Api>,
    Viewer(caller): Viewer,
    QueryFields(query): QueryFields,
) -> Answer<([(HeaderName, HeaderValue); 1], Json<Vec<ServiceDto>>)> {
    let page = query.page_of(ALL)?;
    let closed = api.engine.catalog().closed_services(&caller.organization).await?;
    let services = api.engine.services(&caller.organization).into_iter().filter(|service| caller.sees(&service.id));
    let visible: Vec<_> = services
        .map(|service| {
            let closed = closed.iter().find(|closed| closed.service == service.id);
            ServiceDto::new(service, closed, api.engine.has_front_door_trouble(&service.id))
        })
        .collect();
    Ok((Paged::header(visible.len() as u64), Json(cut(visible, page))))
}
