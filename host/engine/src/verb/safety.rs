//! The backup of a service as it is, before its data is replaced.

use bulkhead_model::{Failure, FailureKind, JobId, JobKind, JobState, Result};

use crate::executor::Run;

/// When one was asked for, it comes first: without it nothing is touched.
pub(super) async fn wait_for_safety_backup(run: &Run, safety_backup: Option<&JobId>) -> Result<()> {
    let Some(id) = safety_backup else { return Ok(()) };
    let kind = run.job.kind;
    let done = if kind == JobKind::Reset { "reset" } else { "restored" };
    let job = run.engine.catalog.job(&run.job.organization, id).await?;
    match job.state {
        JobState::Succeeded => Ok(()),
        JobState::Failed | JobState::Cancelled => {
            let why = job.failure.map(|failure| format!(": {}", failure.message)).unwrap_or_default();
            Err(Failure::new(
                FailureKind::Conflict,
                format!("the safety backup is {}{why}; nothing was {done}", job.state),
            )
            .with_hint(format!("mend what kept it from being made, or {kind} without one")))
        }
        state => Err(Failure::unavailable(format!("the safety backup is {state}; the {kind} waits for it"))),
    }
}
