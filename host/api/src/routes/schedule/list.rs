use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue};
use bulkhead_catalog::ScheduleFilter;
use utoipa::IntoParams;

use crate::Api;
use crate::auth::Viewer;
use crate::dto::ScheduleDto;
use crate::fields::{Paged, QueryFields};
use crate::problem::Answer;

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "the parameters, for their document")]
struct ListQuery {
    /// Only those of this service.
    #[param(pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
    service_id: Option<String>,
    /// Without those that run once.
    #[param(default = false)]
    recurring: Option<bool>,
    /// The page, from 1.
    #[param(minimum = 1, default = 1)]
    page: Option<u32>,
    /// Schedules on a page.
    #[param(minimum = 1, maximum = 1000, default = 50)]
    page_size: Option<u32>,
}

/// `GET /backups/schedules`: newest first, a page at a time, as a bare list: that is SkySQL's answer.
#[utoipa::path(get, path = "/backups/schedules", operation_id = "schedules.list", tag = "schedules", params(ListQuery),
    responses((status = 200, description = "Newest first, a page at a time", body = [ScheduleDto],
        headers(("X-Total-Count" = u64, description = "Schedules on all pages")))))]
pub async fn list(
    State(api): State<Api>,
    Viewer(caller): Viewer,
    QueryFields(query): QueryFields,
) -> Answer<([(HeaderName, HeaderValue); 1], Json<Vec<ScheduleDto>>)> {
    let page = query.page()?;
    let filter = ScheduleFilter {
        service: query.parsed("service_id")?,
        services: caller.visible_services(),
        recurring_only: query.flag("recurring")?.unwrap_or(false),
        page: page.page,
        page_size: page.page_size,
    };
    let (schedules, total) = api.engine.catalog().schedules(&caller.organization, &filter).await?;
    let addresses = api.engine.inline_addresses(&caller.organization).await?;
    let schedules = schedules.into_iter().map(|schedule| ScheduleDto::from(schedule).with_storage(&addresses));
    Ok((Paged::header(total), Json(schedules.collect())))
}
