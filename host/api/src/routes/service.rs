//! `/services`.

mod list;
mod recovery_window;
mod reset;
mod show;

use bulkhead_model::{Result, ServiceId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Api;
use crate::path::missing;

/// The operations.
pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::default()
        .routes(routes!(list::list))
        .routes(routes!(show::show))
        .routes(routes!(recovery_window::recovery_window))
        .routes(routes!(reset::reset))
}

/// A text that has not the form of a service id names no service.
fn parse(text: &str) -> Result<ServiceId> {
    text.parse().map_err(|_| missing("service", text).with_hint(bulkhead_engine::SERVICES_HINT))
}
