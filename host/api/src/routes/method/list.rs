use axum::Json;
use axum::extract::State;

use crate::Api;
use crate::auth::Viewer;
use crate::dto::{MethodDto, MethodPage};
use crate::fields::{PageQuery, Paged, QueryFields, cut};
use crate::problem::Answer;

/// `GET /methods`: which plugin of this host makes which kind of backup of which engine.
#[utoipa::path(get, path = "/methods", operation_id = "methods.list", tag = "plugins", params(PageQuery),
    responses((status = 200, description = "By engine and method, a page at a time", body = MethodPage)))]
pub async fn list(
    State(api): State<Api>,
    Viewer(_caller): Viewer,
    QueryFields(query): QueryFields,
) -> Answer<Json<MethodPage>> {
    let page = query.page()?;
    let bindings = api.engine.bindings();
    let Paged { total, pages } = Paged::new(bindings.len() as u64, page);
    let methods = cut(bindings, page).into_iter().map(MethodDto::from).collect();
    Ok(Json(MethodPage { methods, methods_count: total, pages_count: pages }))
}
