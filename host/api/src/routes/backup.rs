//! `/backups`.

mod chain;
mod copy;
mod delete;
mod list;
mod show;
mod update;
mod verify;

use bulkhead_catalog::Backup;
use bulkhead_model::{Result, Role};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Api;
use crate::auth::Caller;
use crate::path::missing;

/// The operations.
pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::default()
        .routes(routes!(list::list))
        .routes(routes!(show::show, update::update, delete::delete))
        .routes(routes!(verify::verify))
        .routes(routes!(copy::copy))
}

/// The backup that a caller means, by id, unique prefix of it, or name; among those that they may see.
pub async fn meant(api: &Api, caller: &Caller, role: Role, text: &str) -> Result<Backup> {
    let visible = caller.visible_services();
    let backup = api.engine.catalog().resolve_backup_of(&caller.organization, text, visible.as_deref()).await?;
    caller.on_part_of(role, &backup.service, || missing("backup", text))?;
    Ok(backup)
}
