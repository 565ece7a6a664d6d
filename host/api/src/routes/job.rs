//! `/jobs`.

mod cancel;
mod events;
pub mod list;
mod show;
mod streams;

pub use streams::Streams;

use bulkhead_catalog::Job;
use bulkhead_model::{JobId, Result, Role};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Api;
use crate::auth::Caller;
use crate::path::{found, missing};

/// The operations.
pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::default()
        .routes(routes!(list::list))
        .routes(routes!(show::show))
        .routes(routes!(events::events))
        .routes(routes!(cancel::cancel))
}

/// The job that a caller means, when they may do this much with it. A text that has not the form of a job id names no job.
async fn meant(api: &Api, caller: &Caller, role: Role, text: &str) -> Result<Job> {
    let id: JobId = text.parse().map_err(|_| missing("job", text))?;
    let job = found(api.engine.catalog().job(&caller.organization, &id).await, "job", text)?;
    caller.on_part_of(role, &job.service, || missing("job", text))?;
    Ok(job)
}
