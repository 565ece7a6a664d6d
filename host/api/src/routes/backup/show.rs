use axum::Json;
use axum::extract::{Path, State};

use crate::Api;
use crate::auth::Viewer;
use crate::dto::BackupDto;
use crate::problem::Answer;

/// `GET /backups/{id}`: by id, unique prefix of it, or name.
pub async fn show(State(api): State<Api>, Viewer(caller): Viewer, Path(id): Path<String>) -> Answer<Json<BackupDto>> {
    let backup = api.engine.catalog().resolve_backup(&caller.organization, &id).await?;
    Ok(Json(backup.into()))
}
