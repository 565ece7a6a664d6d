use axum::Json;
use axum::extract::State;
use bulkhead_model::Role;

use super::{chain, meant};
use crate::Api;
use crate::auth::Viewer;
use crate::dto::BackupDto;
use crate::path::Id;
use crate::problem::{Answer, Conflict};

/// `GET /backups/{id}`: one backup, by id, unique prefix of it, or name.
#[utoipa::path(get, path = "/backups/{id}", operation_id = "backups.show", tag = "backups",
    params(("id" = String, Path, min_length = 1, description = "Id, unique prefix of it, or name")),
    responses((status = 200, description = "The backup", body = BackupDto), Conflict))]
pub async fn show(State(api): State<Api>, Viewer(caller): Viewer, Id(id): Id) -> Answer<Json<BackupDto>> {
    let backup = meant(&api, &caller, Role::Viewer, &id).await?;
    Ok(Json(chain::described_one(api.engine.catalog(), &caller.organization, backup).await?))
}
