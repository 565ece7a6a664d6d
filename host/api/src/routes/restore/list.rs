use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue};
use bulkhead_catalog::RestoreFilter;
use utoipa::IntoParams;

use crate::Api;
use crate::auth::Viewer;
use crate::dto::{RestoreDto, Status};
use crate::fields::{Paged, QueryFields};
use crate::problem::Answer;
use crate::routes::job::list::state;

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "the parameters, for their document")]
struct ListQuery {
    /// Only those of this service.
    #[param(pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
    service_id: Option<String>,
    /// Only those in this state.
    #[param(inline)]
    status: Option<Status>,
    /// The page, from 1.
    #[param(minimum = 1, default = 1)]
    page: Option<u32>,
    /// Restores on a page.
    #[param(minimum = 1, maximum = 1000, default = 50)]
    page_size: Option<u32>,
}

/// `GET /restores`: newest first, a page at a time, as a bare list: that is SkySQL's answer.
#[utoipa::path(get, path = "/restores", operation_id = "restores.list", tag = "restores", params(ListQuery),
    responses((status = 200, description = "Newest first, a page at a time", body = [RestoreDto],
        headers(("X-Total-Count" = u64, description = "Restores on all pages")))))]
pub async fn list(
    State(api): State<Api>,
    Viewer(caller): Viewer,
    QueryFields(query): QueryFields,
) -> Answer<([(HeaderName, HeaderValue); 1], Json<Vec<RestoreDto>>)> {
    let page = query.page()?;
    let filter = RestoreFilter {
        service: query.parsed("service_id")?,
        services: caller.visible_services(),
        state: query.read("status", state)?,
        page: page.page,
        page_size: page.page_size,
    };
    let catalog = api.engine.catalog();
    let (restores, total) = catalog.restores(&caller.organization, &filter).await?;
    // The same few backups are restored again and again.
    let mut backups = HashMap::new();
    let mut answer = Vec::with_capacity(restores.len());
    for restore in restores {
        if !backups.contains_key(&restore.backup) {
            let backup = catalog.backup(&caller.organization, &restore.backup).await?;
            backups.insert(restore.backup.clone(), backup);
        }
        if let Some(backup) = backups.get(&restore.backup) {
            answer.push(RestoreDto::new(restore, backup));
        }
    }
    Ok((Paged::header(total), Json(answer)))
}
