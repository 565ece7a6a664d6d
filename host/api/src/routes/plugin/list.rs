use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue};

use crate::Api;
use crate::auth::Viewer;
use crate::dto::PluginDto;
use crate::fields::{ALL, ManyQuery, Paged, QueryFields, cut};
use crate::problem::Answer;

/// `GET /plugins`: what this host has loaded, with what each asked for and got.
#[utoipa::path(get, path = "/plugins", operation_id = "plugins.list", tag = "plugins", params(ManyQuery),
    responses((status = 200, description = "All of them", body = [PluginDto],
        headers(("X-Total-Count" = u64, description = "Plugins on all pages")))))]
pub async fn list(
    State(api): State<Api>,
    Viewer(_caller): Viewer,
    QueryFields(query): QueryFields,
) -> Answer<([(HeaderName, HeaderValue); 1], Json<Vec<PluginDto>>)> {
    let page = query.page_of(ALL)?;
    let plugins: Vec<_> = api.engine.plugins().into_iter().map(PluginDto::from).collect();
    Ok((Paged::header(plugins.len() as u64), Json(cut(plugins, page))))
}
