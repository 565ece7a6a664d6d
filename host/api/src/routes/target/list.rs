use axum::Json;
use axum::extract::State;

use crate::Api;
use crate::auth::Viewer;
use crate::dto::{TargetDto, TargetPage};
use crate::fields::{PageQuery, Paged, QueryFields, cut};
use crate::problem::Answer;

/// `GET /targets`: where backups of the organization may be kept.
#[utoipa::path(get, path = "/targets", operation_id = "targets.list", tag = "targets", params(PageQuery),
    responses((status = 200, description = "By id, a page at a time", body = TargetPage)))]
pub async fn list(
    State(api): State<Api>,
    Viewer(caller): Viewer,
    QueryFields(query): QueryFields,
) -> Answer<Json<TargetPage>> {
    let page = query.page()?;
    let targets = api.engine.targets(&caller.organization).await?;
    let Paged { total, pages } = Paged::new(targets.len() as u64, page);
    let targets = cut(targets, page).into_iter().map(TargetDto::from).collect();
    Ok(Json(TargetPage { targets, targets_count: total, pages_count: pages }))
}
