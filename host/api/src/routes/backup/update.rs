use axum::Json;
use axum::extract::State;
use bulkhead_model::{Failure, Role};
use utoipa::ToSchema;

use super::{chain, meant};
use crate::Api;
use crate::auth::Administrator;
use crate::dto::BackupDto;
use crate::fields::Fields;
use crate::path::Id;
use crate::problem::{Answer, Conflict};

/// What can be changed of a backup.
#[derive(ToSchema)]
#[schema(as = UpdateBackup)]
#[expect(dead_code, reason = "the shape of the body, for its document and the list of known fields")]
struct UpdateBackupBody {
    /// Whether neither retention nor a person may delete it.
    pinned: bool,
}

/// `PATCH /backups/{id}`: pins a backup, so that nothing deletes it, or lets go of it.
#[utoipa::path(patch, path = "/backups/{id}", operation_id = "backups.update", tag = "backups",
    params(("id" = String, Path, min_length = 1, description = "Id, unique prefix of it, or name")),
    request_body = UpdateBackupBody,
    responses((status = 200, description = "The backup as it is now", body = BackupDto), Conflict))]
pub async fn update(
    State(api): State<Api>,
    Administrator(caller): Administrator,
    Id(id): Id,
    body: Fields,
) -> Answer<Json<BackupDto>> {
    let body = body.only_of::<UpdateBackupBody>()?;
    let pinned = body.flag("pinned")?.ok_or_else(|| {
        Failure::invalid("`pinned` is missing").with_hint("add \"pinned\": true, or false to let go of it")
    })?;
    let backup = meant(&api, &caller, Role::Administrator, &id).await?;
    let backup = api.engine.pin_backup(&caller.organization, &backup.id, pinned).await?;
    Ok(Json(chain::described_one(api.engine.catalog(), &caller.organization, backup).await?))
}
