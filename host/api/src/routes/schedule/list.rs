use axum::Json;
use axum::extract::{Query, State};

use crate::Api;
use crate::auth::Viewer;
use crate::dto::ScheduleDto;
use crate::fields::Fields;
use crate::problem::Answer;

/// `GET /backups/schedules`: newest first.
pub async fn list(
    State(api): State<Api>,
    Viewer(caller): Viewer,
    Query(query): Query<Vec<(String, String)>>,
) -> Answer<Json<Vec<ScheduleDto>>> {
    let query = Fields::from_query(query)?.only(&["service_id"])?;
    let service = query.parsed("service_id")?;
    let schedules = api.engine.catalog().schedules(&caller.organization, service.as_ref()).await?;
    Ok(Json(schedules.into_iter().map(ScheduleDto::from).collect()))
}
