use axum::Json;
use axum::extract::State;

use super::parse;
use crate::Api;
use crate::auth::Viewer;
use crate::dto::TargetDto;
use crate::path::{Id, found};
use crate::problem::Answer;

/// `GET /targets/{id}`: one target; never its credentials.
#[utoipa::path(get, path = "/targets/{id}", operation_id = "targets.show", tag = "targets",
    params(("id" = String, Path, pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")),
    responses((status = 200, description = "The target", body = TargetDto)))]
pub async fn show(State(api): State<Api>, Viewer(caller): Viewer, Id(id): Id) -> Answer<Json<TargetDto>> {
    let target = found(api.engine.target(&caller.organization, &parse(&id)?).await, "target", &id)?;
    Ok(Json(target.into()))
}
