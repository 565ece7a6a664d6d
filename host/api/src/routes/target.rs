//! `/targets`.

mod body;
mod create;
mod delete;
mod inspect;
mod list;
mod show;
mod test;
mod update;

use bulkhead_model::{Result, TargetId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Api;
use crate::path::missing;

/// The operations.
pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::default()
        .routes(routes!(list::list, create::create))
        .routes(routes!(show::show, update::update, delete::delete))
        .routes(routes!(test::test))
        .routes(routes!(inspect::inspect))
}

/// A text that has not the form of an id names no target.
fn parse(text: &str) -> Result<TargetId> {
    text.parse().map_err(|_| missing("target", text))
}
