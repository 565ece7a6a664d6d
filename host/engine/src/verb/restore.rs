//! Restores a backup or a moment: nothing touches the live database before every byte that will be used has been checked.

mod dumped;
mod external;
mod moment;
mod partial;
mod stored_code;
mod whole;

pub(crate) use self::dumped::can_be_swapped;

use bulkhead_catalog::Restore;
use bulkhead_model::{Failure, Result};
use bulkhead_runtime::Link;
use serde_json::{Value, json};

use super::artifacts::ChainReader;
use super::links::Links;
use super::replacement::{Replacement, reopen, settled_before};
use super::safety::wait_for_safety_backup;
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
    if settled_before(run).await? {
        reopen(run, service).await?;
        return Ok(adopted());
    }
    if let Some(part) = &order.only {
        run.engine.require_open(service).await?;
        wait_for_safety_backup(run, order.safety_backup.as_ref()).await?;
        let (chain, logs) = read(run, &order).await?;
        let done = partial::run(run, service, &chain, &logs, order.plan.until.as_ref(), part).await?;
        fail_point("restore.done")?;
        return Ok(done.into());
    }
    let mut replacement = Replacement::new(run, service)?;
    if adopt(run, service).await? {
        return replacement.finish(Ok(adopted())).await;
    }
    wait_for_safety_backup(run, order.safety_backup.as_ref()).await?;
    let replaced = replace(run, service, &restore, &order, &mut replacement).await;
    let done = replacement.finish(replaced).await?;
    fail_point("restore.done")?;
    Ok(done.into())
}

/// Gives the service all that is to be restored.
async fn replace(
    run: &Run,
    service: &ServiceConfig,
    restore: &Restore,
    order: &RestoreOrder,
    replacement: &mut Replacement<'_>,
) -> Result<Done> {
    if let Some(source) = &restore.source {
        return external::run(run, service, restore, source, replacement).await;
    }
    let (chain, logs) = read(run, order).await?;
    if logs.links.is_empty() {
        whole::run(run, service, &chain, replacement).await
    } else {
        moment::run(run, service, &chain, &logs, order.plan.until.as_ref()).await
    }
}

/// What is restored, and the logs that are replayed on it.
async fn read(run: &Run, order: &RestoreOrder) -> Result<(Links, Links)> {
    Ok((Links::read(run, &order.plan.chain).await?, Links::read(run, &order.plan.logs).await?))
}

fn adopted() -> Outcome {
    Outcome::Restore {
        message: "Restore has succeeded! An earlier attempt had completed it.".to_owned(),
        reached: None,
    }
}

impl From<Done> for Outcome {
    fn from(done: Done) -> Self {
        Self::Restore { message: done.message, reached: Some(json_of(done.reached)) }
    }
}

/// Whether an earlier attempt of this job has put the restored data in place without the catalog knowing. A swap that it began and
/// that still runs is waited for; one that was interrupted is ended. A completed one of another job is recorded as what it is, before
/// this job replaces its data.
async fn adopt(run: &Run, service: &ServiceConfig) -> Result<bool> {
    let others = run.engine.held_elsewhere().await?;
    let ended = tokio::select! {
        ended = swap::end_earlier(service, &others) => ended?,
        () = run.stopper.token.cancelled() => return Err(Failure::cancelled()),
    };
    let Some(done) = ended else { return Ok(false) };
    let attempts = run.engine.catalog.attempts(&run.job.id).await?;
    if attempts.iter().any(|attempt| attempt.id == done) {
        return Ok(true);
    }
    if service.migrations.is_some() {
        // What it put in place is without its migrations; this one replaces it.
        return Ok(false);
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
