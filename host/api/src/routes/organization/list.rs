use axum::Json;
use axum::extract::State;

use crate::Api;
use crate::auth::Viewer;
use crate::dto::{OrganizationDto, OrganizationPage};
use crate::fields::{PageQuery, Paged, QueryFields, cut};
use crate::problem::Answer;

/// `GET /organizations`: the caller's own, and what they may do in it.
#[utoipa::path(get, path = "/organizations", operation_id = "organizations.list", tag = "access", params(PageQuery),
    responses((status = 200, description = "The caller's, as the only one", body = OrganizationPage)))]
pub async fn list(
    State(api): State<Api>,
    Viewer(caller): Viewer,
    QueryFields(query): QueryFields,
) -> Answer<Json<OrganizationPage>> {
    let page = query.page()?;
    let services = api.engine.services(&caller.organization);
    let seen = services.into_iter().filter(|service| caller.sees(&service.id)).count() as u64;
    let Paged { total, pages } = Paged::new(1, page);
    let organizations = cut(vec![OrganizationDto::of(&caller, seen)], page);
    Ok(Json(OrganizationPage { organizations, organizations_count: total, pages_count: pages }))
}
