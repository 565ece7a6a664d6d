//! The job's own database server as a process with a data directory. Grant: `server`.

use crate::Result;
use crate::bindings::method::bulkhead::host::server as host;

pub use host::{ServerStatus, Swapped};

/// Whether the server answers, and how much it holds.
///
/// # Errors
/// `denied` without the grant.
pub async fn status() -> Result<ServerStatus> {
    host::status().await
}

/// Makes an empty directory beside the data directory that tools see as `/staging`.
///
/// # Errors
/// `unavailable`, before anything is written, when `bytes` do not fit.
pub async fn stage(bytes: u64) -> Result<()> {
    host::stage(bytes).await
}

/// Makes an empty directory that tools see as `/increment`, for what goes on top of `/staging`; one of before is emptied.
///
/// # Errors
/// `unavailable`, before anything is written, when `bytes` do not fit.
pub async fn stage_increment(bytes: u64) -> Result<()> {
    host::stage_increment(bytes).await
}

/// Stops the server, puts the staged directory in the place of its data, starts it and waits until it answers. Once per attempt.
///
/// # Errors
/// When the restored server did not answer; the old directory is back then.
pub async fn swap() -> Result<Swapped> {
    host::swap().await
}
