//! Removes from the targets what no backup will ever need, and takes up what was left half way: a reconciler, woken by time, without
//! memory.

mod folder;
mod uploads;

use std::sync::Arc;
use std::time::Duration;

use bulkhead_model::{Failure, FailureKind, JobKind, OrganizationId, Result};
use futures::future::join_all;
use metrics::counter;
use sha2::{Digest as _, Sha256};

use crate::config::TargetConfig;
use crate::engine::Inner;
use crate::retention;
use crate::target::Target;
use crate::verb::Listing;
use folder::{Folder, Folders};

/// Organizations' own targets that this host sweeps at a time.
const OWN_TARGETS_AT_ONCE: usize = 8;

/// How long the sweep of one of them may take: its endpoint must not keep the others waiting.
const OWN_TARGET_DEADLINE: Duration = Duration::from_mins(10);

/// Deletions, and copies, that one sweep takes up; the next one takes up more.
const TAKEN_UP_MAX: u32 = 1000;

/// The least time after which a deletion that failed is tried again: the target may be away.
const DELETE_AGAIN_AFTER: Duration = Duration::from_mins(1);

/// Takes up what was left, applies retention and sweeps the operator's targets, now and at every interval.
pub(crate) async fn run(engine: Arc<Inner>) {
    let mut every = tokio::time::interval(engine.config.limits.sweep_every);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        round(&engine).await;
    }
}

/// Once all of it.
pub(crate) async fn round(engine: &Inner) {
    if let Err(failure) = take_up(engine).await {
        tracing::warn!(error = %failure, "deletions and copies that were left cannot be taken up");
    }
    if let Err(failure) = retention::apply_all(engine).await {
        tracing::warn!(error = %failure, "retention could not be applied");
    }
    for target in &engine.config.targets {
        sweep_operators(engine, target).await;
    }
}

/// Sweeps the targets of organizations, now and at every interval. Apart from the operator's: how long an endpoint of a tenant's
/// takes is for the tenant to say.
pub(crate) async fn run_own(engine: Arc<Inner>) {
    let mut every = tokio::time::interval(engine.config.limits.sweep_every);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        let sweeping = (0..OWN_TARGETS_AT_ONCE).map(|_| sweep_own(&engine));
        for swept in join_all(sweeping).await {
            if let Err(failure) = swept {
                tracing::warn!(error = %failure, "the organizations' own targets could not be swept");
            }
        }
    }
}

/// Makes new jobs for deletions and copies that none takes further. A backup on its way out is worth nothing to anybody until it is
/// gone.
async fn take_up(engine: &Inner) -> Result<()> {
    let wait = engine.config.limits.sweep_every.max(DELETE_AGAIN_AFTER);
    for (organization, backup) in engine.catalog.left_deleting(wait, TAKEN_UP_MAX).await? {
        match engine.catalog.schedule_job(engine.new_job(&organization, JobKind::Expire, &backup)).await {
            Ok(made) => tracing::info!(%backup, job = %made.value.id, "the deletion of a backup is begun again"),
            // Another host was faster, or something that is restored on top of it has to go first.
            Err(failure) if matches!(failure.kind, FailureKind::Conflict | FailureKind::NotFound) => {
                tracing::info!(%backup, reason = %failure, "the deletion of a backup waits");
            }
            Err(failure) => return Err(failure),
        }
    }
    for job in engine.catalog.take_up_copies(engine.config.limits.attempts_max, TAKEN_UP_MAX).await? {
        tracing::info!(backup = ?job.backup, target = ?job.target, job = %job.id, "a copy that no job made is begun again");
    }
    engine.wake();
    Ok(())
}

/// Sweeps one of the operator's targets, unless another host that has the same one has just begun to.
async fn sweep_operators(engine: &Inner, config: &TargetConfig) {
    let Some(target) = engine.targets.get(&config.id) else { return };
    let taken = match shared_name(engine, config) {
        Some(name) => engine.catalog.take_sweep(&name, begun_within(engine)).await,
        None => Ok(true),
    };
    let swept = match taken {
        Ok(true) => sweep(engine, target, None, config.organization.as_ref()).await,
        Ok(false) => Ok(0),
        Err(failure) => Err(failure),
    };
    said(target.id.as_str(), swept);
}

/// What stands for the place behind a target on all hosts that have it. `None` for a directory: under the same path another host may
/// have another one, and looking into it costs little.
fn shared_name(engine: &Inner, target: &TargetConfig) -> Option<String> {
    let plugin = engine.runtime.storage(&target.plugin).ok()?;
    let directory = |grant: &str| grant.strip_prefix("directory:").is_some_and(|key| target.config.get(key).is_some());
    if plugin.info().grants.iter().any(|asked| directory(&asked.grant)) {
        return None;
    }
    let place = format!("{} {}", target.plugin, target.config);
    Some(format!("{} {}", target.id, hex::encode(Sha256::digest(place).as_slice().get(..8).unwrap_or_default())))
}

/// A sweep that was begun within this time counts for the interval that has just ended: what came before it in an interval does not
/// always take the same time.
fn begun_within(engine: &Inner) -> Duration {
    engine.config.limits.sweep_every.mul_f32(0.75)
}

/// Sweeps one after the other until all are swept, each by one host: their owners pay for each listing.
async fn sweep_own(engine: &Inner) -> Result<()> {
    while let Some((organization, id)) = engine.catalog.target_to_sweep(begun_within(engine)).await? {
        let swept = async {
            let target = engine.target(&organization, &id).await?;
            // A bucket of theirs may hold what others keep there.
            sweep(engine, &target, Some(&organization), Some(&organization)).await
        };
        let late = || Failure::unavailable(format!("it took longer than {} s", OWN_TARGET_DEADLINE.as_secs()));
        let swept = tokio::time::timeout(OWN_TARGET_DEADLINE, swept).await.unwrap_or_else(|_| Err(late()));
        said(&format!("{organization}/{id}"), swept);
    }
    Ok(())
}

fn said(target: &str, swept: Result<usize>) {
    match swept {
        Ok(0) => {}
        Ok(objects) => tracing::info!(target, objects, "swept"),
        Err(failure) => tracing::warn!(target, error = %failure, "the sweep did not finish"),
    }
}

/// Some folders after the other, as the listing brings them: a target may hold more than fits into memory. Looks below one organization
/// or at all; uploads are abandoned when they are those of `owner`, if there is one.
async fn sweep(
    engine: &Inner,
    target: &Target,
    below: Option<&OrganizationId>,
    owner: Option<&OrganizationId>,
) -> Result<usize> {
    match uploads::abandon(engine, target, owner).await {
        Ok(0) => {}
        Ok(uploads) => tracing::info!(target = %target.id, uploads, "uploads that had broken off were ended"),
        Err(failure) => tracing::warn!(target = %target.id, error = %failure, "uploads that broke off are left"),
    }
    let before = engine.clock.now().minus(engine.config.limits.sweep_grace);
    let mut folders = Folders::new(engine, target, before);
    let prefix = below.map(|organization| format!("{organization}/")).unwrap_or_default();
    let mut listing = Listing::new(&target.bucket, &prefix);
    let mut listed: Vec<Folder> = Vec::new();
    let mut swept = 0;
    while let Some(page) = listing.next().await? {
        for entry in page {
            Folder::add_to(&mut listed, entry);
        }
        // The last one may continue on the next page.
        let last = listed.pop();
        swept += folders.sweep(std::mem::take(&mut listed)).await?;
        listed.extend(last);
    }
    swept += folders.sweep(listed).await?;
    counter!("bulkhead_swept_objects_total").increment(swept as u64);
    Ok(swept)
}

#[cfg(test)]
mod tests;
