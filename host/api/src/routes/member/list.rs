use axum::Json;
use axum::extract::State;

use crate::Api;
use crate::auth::OrgAdministrator;
use crate::dto::{MemberDto, MemberPage};
use crate::fields::{PageQuery, Paged, QueryFields};
use crate::problem::Answer;

/// `GET /members`: who may do what when their token names no roles; by subject, a page at a time.
#[utoipa::path(get, path = "/members", operation_id = "members.list", tag = "access", params(PageQuery),
    responses((status = 200, description = "By subject, a page at a time", body = MemberPage)))]
pub async fn list(
    State(api): State<Api>,
    OrgAdministrator(caller): OrgAdministrator,
    QueryFields(query): QueryFields,
) -> Answer<Json<MemberPage>> {
    let page = query.page()?;
    let (members, total) = api.engine.catalog().members(&caller.organization, page).await?;
    let members = members.into_iter().map(MemberDto::from).collect();
    Ok(Json(MemberPage { members, members_count: total, pages_count: Paged::new(total, page).pages }))
}
