//! `/jobs`.

mod cancel;
mod events;
mod show;

use bulkhead_model::{Failure, JobId, Result};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Api;

/// The operations.
pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::default().routes(routes!(show::show)).routes(routes!(events::events)).routes(routes!(cancel::cancel))
}

/// A text that has not the form of a job id names no job.
fn parse(text: &str) -> Result<JobId> {
    text.parse().map_err(|_| Failure::not_found(format!("there is no job `{text}`")))
}
