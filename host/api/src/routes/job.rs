//! `/jobs`.

mod cancel;
mod events;
mod show;

pub use cancel::cancel;
pub use events::events;
pub use show::show;

use bulkhead_model::{Failure, JobId, Result};

/// A text that has not the form of a job id names no job.
fn parse(text: &str) -> Result<JobId> {
    text.parse().map_err(|_| Failure::not_found(format!("there is no job `{text}`")))
}
