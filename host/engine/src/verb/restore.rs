//! Restores a backup or a moment: nothing touches the live database before every byte that will be used has been checked.

mod external;
mod moment;
mod partial;
mod whole;

use bulkhead_model::{Failure, FailureKind, JobState, Result};
use bulkhead_runtime::Link;
use serde_json::{Value, json};

use super::artifacts::ChainReader;
use super::links::Links;
use super::throw_away::Positions;
use crate::config::ServiceConfig;
use crate::executor::{Outcome, Run};
use crate::failpoint::fail_point;
use crate::request::RestoreOrder;
use crate::swap;

/// What a restore has done.
struct Done {
    message: String,
    reached: Positions,
}

pub(super) async fn run(run: &Run) -> Result<Outcome> {
    fail_point("restore.claimed")?;
    let id = run.job.restore.ok_or_else(|| Failure::internal("the job names no restore"))?;
    let restore = run.engine.catalog.restore(&run.job.organization, id).await?;
    let order = RestoreOrder::new(&restore, &run.job)?;
    let service = run.engine.service(&run.job.organization, &run.job.service)?;
    if order.only.is_none() && adopt(run, service).await? {
        let message = "Restore has succeeded! An earlier attempt had completed it.".to_owned();
        return Ok(Outcome::Restore { message, reached: None });
    }
    wait_for_safety_backup(run, &order).await?;
    if let Some(source) = &restore.source {
        let done = external::run(run, service, &restore, source).await?;
        fail_point("restore.done")?;
        return Ok(done.into());
    }
    let chain = Links::read(run, &order.plan.chain).await?;
    let logs = Links::read(run, &order.plan.logs).await?;
    let done = match &order.only {
        Some(part) => partial::run(run, service, &chain, &logs, order.plan.until.as_ref(), part).await?,
        None if logs.links.is_empty() => whole::run(run, service, &chain).await?,
        None => moment::run(run, service, &chain, &logs, order.plan.until.as_ref()).await?,
    };
    fail_point("restore.done")?;
    Ok(done.into())
}

impl From<Done> for Outcome {
    fn from(done: Done) -> Self {
        Self::Restore { message: done.message, reached: Some(json_of(done.reached)) }
    }
}

/// Whether an earlier attempt of this job has put the restored data in place without anybody knowing. One of another job is
/// written down as what it is, before this one replaces its data.
async fn adopt(run: &Run, service: &ServiceConfig) -> Result<bool> {
    let Some(done) = swap::completed(service)? else { return Ok(false) };
    let attempts = run.engine.catalog.attempts(&run.job.id).await?;
    if attempts.iter().any(|attempt| attempt.id == done) {
        swap::answers(service).await?;
        return Ok(true);
    }
    let message = "Restore has succeeded!";
    match run.engine.catalog.finish_recovered_restore(&done, message).await {
        Err(failure) if failure.retry => Err(failure),
        Err(failure) => {
            tracing::warn!(attempt = %done, error = %failure, "a completed restore could not be recorded");
            Ok(false)
        }
        Ok(_) => Ok(false),
    }
}

/// The backup of the service as it is now, when one was asked for, comes first: without it nothing is touched.
async fn wait_for_safety_backup(run: &Run, order: &RestoreOrder) -> Result<()> {
    let Some(id) = &order.safety_backup else { return Ok(()) };
    let job = run.engine.catalog.job(&run.job.organization, id).await?;
    match job.state {
        JobState::Succeeded => Ok(()),
        JobState::Failed | JobState::Cancelled => {
            let why = job.failure.map(|failure| format!(": {}", failure.message)).unwrap_or_default();
            Err(Failure::new(
                FailureKind::Conflict,
                format!("the safety backup is {}{why}; nothing was restored", job.state),
            )
            .with_hint("mend what kept it from being made, or restore without one"))
        }
        state => Err(Failure::unavailable(format!("the safety backup is {state}; the restore waits for it"))),
    }
}

/// A reader of both.
fn reader_of(run: &Run, chain: &Links, logs: &Links) -> std::sync::Arc<ChainReader> {
    let all = chain.stored.iter().chain(&logs.stored).map(|(id, (stored, manifest))| {
        let both = (stored.clone(), manifest.clone());
        (id.clone(), both)
    });
    std::sync::Arc::new(ChainReader::new(all.collect(), run.engine.keys.clone(), std::sync::Arc::clone(&run.meter)))
}

/// The last backup of a chain.
fn base_of(chain: &Links) -> Result<&Link> {
    chain.links.last().ok_or_else(|| Failure::internal("the restore names no backup"))
}

fn json_of(positions: Positions) -> Value {
    let positions: serde_json::Map<String, Value> =
        positions.into_iter().map(|(name, value)| (name, Value::String(value))).collect();
    json!(positions)
}
