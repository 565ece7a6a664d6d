//! `/webhooks`.

mod body;
mod create;
mod delete;
mod deliveries;
mod list;
mod show;
mod test;
mod update;

use bulkhead_model::{Result, WebhookId};
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
        .routes(routes!(deliveries::deliveries))
}

/// A text that has not the form of an id names no webhook.
fn parse(text: &str) -> Result<WebhookId> {
    text.parse().map_err(|_| missing("webhook", text))
}
