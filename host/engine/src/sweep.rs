//! Removes from the targets what no backup will ever need: a reconciler, woken by time, without memory.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bulkhead_catalog::CopyState;
use bulkhead_model::{BackupId, BackupState, Failure, FailureKind, Result, Timestamp};
use bulkhead_runtime::Entry;
use futures::future::join_all;
use metrics::counter;

use crate::engine::Inner;
use crate::pipeline::{layout, manifest};
use crate::retention;
use crate::target::Target;
use crate::verb::{Listing, OBJECTS_MAX, Stored, delete_keys};

/// Organizations' own targets that this host sweeps at a time.
const OWN_TARGETS_AT_ONCE: usize = 8;

/// How long the sweep of one of them may take: its endpoint must not keep the others waiting.
const OWN_TARGET_DEADLINE: Duration = Duration::from_mins(10);

/// Applies retention and sweeps the operator's targets, now and at every interval.
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
    if let Err(failure) = retention::apply_all(engine).await {
        tracing::warn!(error = %failure, "retention could not be applied");
    }
    for target in engine.targets.values() {
        said(target.id.as_str(), sweep(engine, target, "").await);
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

/// Sweeps one after the other until all are swept, each by one host: their owners pay for each listing.
async fn sweep_own(engine: &Inner) -> Result<()> {
    while let Some((organization, id)) = engine.catalog.target_to_sweep(engine.config.limits.sweep_every).await? {
        let swept = async {
            let target = engine.target(&organization, &id).await?;
            // A bucket of theirs may hold what others keep there.
            sweep(engine, &target, &format!("{organization}/")).await
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

/// One folder after the other, as the listing brings them: a target may hold more than fits into memory.
async fn sweep(engine: &Inner, target: &Target, prefix: &str) -> Result<usize> {
    let before = engine.clock.now().minus(engine.config.limits.sweep_grace);
    let uploads = target.bucket.abandon_uploads(before).await;
    match uploads {
        Ok(0) => {}
        Ok(uploads) => tracing::info!(target = %target.id, uploads, "uploads that had broken off were ended"),
        Err(failure) => tracing::warn!(target = %target.id, error = %failure, "uploads that broke off are left"),
    }
    let mut listing = Listing::new(&target.bucket, prefix);
    let mut folder: Option<Folder> = None;
    let mut swept = 0;
    while let Some(page) = listing.next().await? {
        for entry in page {
            // Keys of another form are not ours.
            let Some((prefix, backup)) = layout::parse_key(&entry.key) else { continue };
            match &mut folder {
                Some(folder) if folder.prefix == prefix => folder.add(entry)?,
                _ => {
                    let complete = folder.replace(Folder { prefix, backup, entries: vec![entry] });
                    swept += sweep_folder(engine, target, complete, before).await?;
                }
            }
        }
    }
    swept += sweep_folder(engine, target, folder, before).await?;
    counter!("bulkhead_swept_objects_total").increment(swept as u64);
    Ok(swept)
}

/// All that lies in a target of one backup.
struct Folder {
    prefix: String,
    backup: BackupId,
    entries: Vec<Entry>,
}

impl Folder {
    fn add(&mut self, entry: Entry) -> Result<()> {
        if self.entries.len() >= OBJECTS_MAX {
            return Err(Failure::corrupt(format!("`{}` holds more than {OBJECTS_MAX} objects", self.prefix)));
        }
        self.entries.push(entry);
        Ok(())
    }
}

async fn sweep_folder(engine: &Inner, target: &Target, folder: Option<Folder>, before: Timestamp) -> Result<usize> {
    let Some(Folder { prefix, backup, entries }) = folder else { return Ok(0) };
    let stored = Stored { bucket: target.bucket.clone(), backup, prefix };
    let doomed = match doomed(engine, target, &stored, &entries, before).await {
        // One damaged backup must not keep the sweep from all others.
        Err(failure) if failure.kind == FailureKind::Corrupt => {
            tracing::warn!(target = %target.id, backup = %stored.backup, error = %failure, "a damaged backup is not swept");
            return Ok(0);
        }
        doomed => doomed?,
    };
    delete_keys(&target.bucket, &doomed).await?;
    Ok(doomed.len())
}

/// The keys of one backup's folder that may go, the manifest last.
async fn doomed(
    engine: &Inner,
    target: &Target,
    stored: &Stored,
    entries: &[Entry],
    before: Timestamp,
) -> Result<Vec<String>> {
    let manifest_key = stored.manifest_key();
    let has_manifest = entries.iter().any(|entry| entry.key == manifest_key);
    let known = engine.catalog.backup_any_org(&stored.backup).await?;
    let needed: BTreeSet<String> = match known.as_ref().map(|backup| backup.state) {
        // An attempt may be writing.
        Some(BackupState::Scheduled | BackupState::Running | BackupState::Deleting) => return Ok(Vec::new()),
        // Somebody else's backup, or one that the catalog has forgotten: what restores is never swept.
        None if has_manifest => return Ok(Vec::new()),
        Some(BackupState::Succeeded) if has_manifest => {
            // Another manifest may name other objects, and these be the ones that restore.
            let recorded = known.as_ref().and_then(|backup| backup.manifest_sha256.as_deref());
            let manifest = stored.manifest_recorded_as(recorded).await?;
            let objects = manifest::keys(&manifest);
            objects.iter().map(|name| stored.key(name)).chain([manifest_key.clone()]).collect()
        }
        // A copy that did not come about, in a target that is not the backup's own.
        Some(BackupState::Succeeded) if known.as_ref().is_some_and(|backup| backup.target != target.id) => {
            let copies = engine.catalog.copies_of(std::slice::from_ref(&stored.backup)).await?;
            match copies.iter().find(|copy| copy.target == target.id).map(|copy| copy.state) {
                Some(CopyState::Waiting | CopyState::Succeeded) => return Ok(Vec::new()),
                Some(CopyState::Failed) | None => BTreeSet::new(),
            }
        }
        // A succeeded backup that lost its manifest is evidence, not waste.
        Some(BackupState::Succeeded) => return Ok(Vec::new()),
        Some(BackupState::Failed | BackupState::Cancelled | BackupState::Deleted) | None => BTreeSet::new(),
    };
    let old = entries.iter().filter(|entry| entry.modified < before);
    let mut keys: Vec<String> = old.map(|entry| entry.key.clone()).filter(|key| !needed.contains(key)).collect();
    keys.sort_by_key(|key| *key == manifest_key);
    Ok(keys)
}
