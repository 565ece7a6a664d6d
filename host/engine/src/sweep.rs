//! Removes from the targets what no backup will ever need: a reconciler, woken by time, without memory.

use std::collections::BTreeSet;
use std::sync::Arc;

use bulkhead_model::{BackupId, BackupState, FailureKind, Result, Timestamp};
use bulkhead_runtime::Entry;
use metrics::counter;

use crate::engine::Inner;
use crate::pipeline::{layout, manifest};
use crate::retention;
use crate::target::Target;
use crate::verb::{Listing, Stored, delete_keys};

/// Sweeps every target now and at every interval.
pub(crate) async fn run(engine: Arc<Inner>) {
    let mut every = tokio::time::interval(engine.config.limits.sweep_every);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        if let Err(failure) = retention::apply_all(&engine).await {
            tracing::warn!(error = %failure, "retention could not be applied");
        }
        for target in engine.targets.values() {
            match sweep(&engine, target).await {
                Ok(0) => {}
                Ok(objects) => tracing::info!(target = %target.id, objects, "swept"),
                Err(failure) => tracing::warn!(target = %target.id, error = %failure, "the sweep did not finish"),
            }
        }
    }
}

/// One folder after the other, as the listing brings them: a target may hold more than fits into memory.
async fn sweep(engine: &Inner, target: &Target) -> Result<usize> {
    let before = engine.clock.now().minus(engine.config.limits.sweep_grace);
    let mut listing = Listing::new(&target.bucket, "");
    let mut folder: Option<Folder> = None;
    let mut swept = 0;
    while let Some(page) = listing.next().await? {
        for entry in page {
            // Keys of another form are not ours.
            let Some((prefix, backup)) = layout::parse_key(&entry.key) else { continue };
            match &mut folder {
                Some(folder) if folder.prefix == prefix => folder.entries.push(entry),
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

async fn sweep_folder(engine: &Inner, target: &Target, folder: Option<Folder>, before: Timestamp) -> Result<usize> {
    let Some(Folder { prefix, backup, entries }) = folder else { return Ok(0) };
    let stored = Stored { bucket: target.bucket.clone(), backup, prefix };
    let doomed = match doomed(engine, &stored, &entries, before).await {
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
async fn doomed(engine: &Inner, stored: &Stored, entries: &[Entry], before: Timestamp) -> Result<Vec<String>> {
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
        // A succeeded backup that lost its manifest is evidence, not waste.
        Some(BackupState::Succeeded) => return Ok(Vec::new()),
        Some(BackupState::Failed | BackupState::Cancelled | BackupState::Deleted) | None => BTreeSet::new(),
    };
    let old = entries.iter().filter(|entry| entry.modified < before);
    let mut keys: Vec<String> = old.map(|entry| entry.key.clone()).filter(|key| !needed.contains(key)).collect();
    keys.sort_by_key(|key| *key == manifest_key);
    Ok(keys)
}
