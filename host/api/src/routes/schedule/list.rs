use axum::Json;
use axum::extract::State;
use bulkhead_catalog::ScheduleFilter;
use utoipa::IntoParams;

use crate::Api;
use crate::auth::Viewer;
use crate::dto::ScheduleDto;
use crate::fields::QueryFields;
use crate::problem::Answer;

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "the parameters, for their document and the list of known ones")]
struct ListQuery {
    /// Only those of this service.
    service_id: Option<String>,
}

/// `GET /backups/schedules`: newest first.
#[utoipa::path(get, path = "/backups/schedules", operation_id = "schedules.list", tag = "schedules", params(ListQuery),
    responses((status = 200, description = "Newest first", body = [ScheduleDto])))]
pub async fn list(
    State(api): State<Api>,
    Viewer(caller): Viewer,
    QueryFields(query): QueryFields,
) -> Answer<Json<Vec<ScheduleDto>>> {
    let query = query.only_params::<ListQuery>()?;
    let filter = ScheduleFilter { service: query.parsed("service_id")?, page_size: 1000, ..ScheduleFilter::default() };
    let (schedules, _) = api.engine.catalog().schedules(&caller.organization, &filter).await?;
    Ok(Json(schedules.into_iter().map(ScheduleDto::from).collect()))
}
