//! `/api-keys`.

mod create;
mod list;
mod revoke;
mod show;

use bulkhead_model::{ApiKeyId, Result};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Api;
use crate::path::missing;

/// The operations.
pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::default().routes(routes!(list::list, create::create)).routes(routes!(show::show, revoke::revoke))
}

/// A text that has not the form of an id names no key.
fn parse(text: &str) -> Result<ApiKeyId> {
    text.parse().map_err(|_| missing("API key", text))
}
