use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use bulkhead_catalog::RestoreFilter;

use crate::Api;
use crate::auth::Viewer;
use crate::dto::RestoreDto;
use crate::problem::Answer;

/// `GET /restores`: newest first.
#[utoipa::path(get, path = "/restores", operation_id = "restores.list", tag = "restores",
    responses((status = 200, description = "Newest first", body = [RestoreDto])))]
pub async fn list(State(api): State<Api>, Viewer(caller): Viewer) -> Answer<Json<Vec<RestoreDto>>> {
    let catalog = api.engine.catalog();
    let restores =
        catalog.restores(&caller.organization, &RestoreFilter { page_size: 1000, ..RestoreFilter::default() }).await?.0;
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
    Ok(Json(answer))
}
