//! `/restores`.

mod create;
mod hide;
mod list;
mod show;

use bulkhead_model::{Failure, RestoreId, Result};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Api;

/// The operations.
pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::default().routes(routes!(list::list, create::create)).routes(routes!(show::show, hide::hide))
}

/// Restores are numbered; anything else names none.
fn number(text: &str) -> Result<RestoreId> {
    text.parse().map(RestoreId).map_err(|_| Failure::not_found(format!("there is no restore `{text}`")))
}
