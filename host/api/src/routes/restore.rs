//! `/restores`.

mod create;
mod hide;
mod list;
mod show;

use bulkhead_catalog::Restore;
use bulkhead_model::{RestoreId, Result, Role};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Api;
use crate::auth::Caller;
use crate::path::{found, missing, number};

/// The operations.
pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::default().routes(routes!(list::list, create::create)).routes(routes!(show::show, hide::hide))
}

/// The restore that a caller means, when they may do this much with it. Restores are numbered; anything else names none.
async fn meant(api: &Api, caller: &Caller, role: Role, text: &str) -> Result<Restore> {
    let id = number(text).map(RestoreId).ok_or_else(|| missing("restore", text))?;
    let restore = found(api.engine.catalog().restore(&caller.organization, id).await, "restore", text)?;
    caller.on_part_of(role, &restore.service, || missing("restore", text))?;
    Ok(restore)
}
