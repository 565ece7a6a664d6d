use axum::Json;
use axum::extract::{Path, State};

use super::number;
use crate::Api;
use crate::auth::Viewer;
use crate::dto::RestoreDto;
use crate::problem::Answer;

/// `GET /restores/{id}`.
pub async fn show(State(api): State<Api>, Viewer(caller): Viewer, Path(id): Path<String>) -> Answer<Json<RestoreDto>> {
    let catalog = api.engine.catalog();
    let restore = catalog.restore(&caller.organization, number(&id)?).await?;
    let backup = catalog.backup(&caller.organization, &restore.backup).await?;
    Ok(Json(RestoreDto::new(restore, &backup)))
}
