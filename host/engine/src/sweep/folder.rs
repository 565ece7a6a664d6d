//! What of a backup's folder may go.
//!
//! A target's listing is not trusted: entries may come in any order, be missing or come twice. All that follows from it is which keys
//! may be superfluous. That no manifest needs them is asked of the target by the manifest's own key, and of the catalog.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bulkhead_catalog::{CopyState, KnownBackup};
use bulkhead_model::{BackupId, BackupState, FailureKind, Result, Timestamp};
use bulkhead_runtime::Entry;
use tokio::time::Instant;

use crate::engine::Inner;
use crate::pipeline::{layout, manifest};
use crate::target::Target;
use crate::verb::{OBJECTS_MAX, Stored, delete_keys};

/// Manifests that one sweep of a target reads.
const MANIFESTS_MAX: usize = 1000;

/// How long what was found out about a folder is relied on. A copy may be asked for again meanwhile, and a process may be frozen.
const RELIED_ON: Duration = Duration::from_secs(60);

/// Entries of one backup's folder, most often all of them.
pub(super) struct Folder {
    prefix: String,
    backup: BackupId,
    entries: Vec<Entry>,
}

impl Folder {
    /// Adds an entry to the folder that was listed last, or begins another one. Keys of another form are not ours.
    pub fn add_to(folders: &mut Vec<Self>, entry: Entry) {
        let Some((prefix, backup)) = layout::parse_key(&entry.key) else { return };
        match folders.last_mut() {
            Some(last) if last.prefix == prefix && last.entries.len() < OBJECTS_MAX => last.entries.push(entry),
            _ => folders.push(Self { prefix, backup, entries: vec![entry] }),
        }
    }

    /// Bytes of all but the manifest.
    fn object_bytes(&self, manifest_key: &str) -> u64 {
        let objects = self.entries.iter().filter(|entry| entry.key != manifest_key);
        objects.fold(0, |bytes, entry| bytes.saturating_add(entry.bytes))
    }
}

/// The sweep of a target's folders.
pub(super) struct Folders<'a> {
    engine: &'a Inner,
    target: &'a Target,
    /// What was written later stays in any case.
    before: Timestamp,
    /// Manifests that may be read still.
    pub manifests: usize,
}

impl<'a> Folders<'a> {
    pub fn new(engine: &'a Inner, target: &'a Target, before: Timestamp) -> Self {
        Self { engine, target, before, manifests: MANIFESTS_MAX }
    }

    /// Sweeps some folders. Says how many objects went.
    pub async fn sweep(&mut self, mut folders: Vec<Folder>) -> Result<usize> {
        folders.retain(|folder| folder.entries.iter().any(|entry| entry.modified < self.before));
        let ids: BTreeSet<BackupId> = folders.iter().map(|folder| folder.backup.clone()).collect();
        // After the listing: what is written from now on is not in it.
        let known = self.engine.catalog.backups_any_org(&ids.into_iter().collect::<Vec<_>>()).await?;
        let known: BTreeMap<BackupId, KnownBackup> = known.into_iter().map(|known| (known.id.clone(), known)).collect();
        let mut swept = 0;
        for folder in folders {
            let backup = known.get(&folder.backup);
            swept += self.sweep_one(folder, backup).await?;
        }
        Ok(swept)
    }

    async fn sweep_one(&mut self, mut folder: Folder, known: Option<&KnownBackup>) -> Result<usize> {
        let (prefix, backup) = (folder.prefix.clone(), folder.backup.clone());
        let stored = Stored { bucket: self.target.bucket.clone(), backup, prefix };
        let mut swept = 0;
        loop {
            let asked = Instant::now();
            let doomed = match self.doomed(&stored, &folder, known).await {
                // One damaged backup must not keep the sweep from all others.
                Err(failure) if failure.kind == FailureKind::Corrupt => {
                    let (target, backup) = (&self.target.id, &stored.backup);
                    tracing::warn!(%target, %backup, error = %failure, "a damaged backup is not swept");
                    return Ok(swept);
                }
                doomed => doomed?,
            };
            let before = swept;
            for key in &doomed {
                if asked.elapsed() >= RELIED_ON {
                    break;
                }
                delete_keys(&self.target.bucket, std::slice::from_ref(key)).await?;
                folder.entries.retain(|entry| entry.key != *key);
                swept += 1;
            }
            if swept - before == doomed.len() || swept == before {
                return Ok(swept);
            }
        }
    }

    /// The keys of one backup's folder that may go, the manifest last.
    async fn doomed(&mut self, stored: &Stored, folder: &Folder, known: Option<&KnownBackup>) -> Result<Vec<String>> {
        let manifest_key = stored.manifest_key();
        let listed = folder.entries.iter().any(|entry| entry.key == manifest_key);
        let mut needed = BTreeSet::new();
        match known.map(|backup| (backup.state, backup)) {
            // An attempt may be writing.
            Some((BackupState::Scheduled | BackupState::Running | BackupState::Deleting, _)) => return Ok(Vec::new()),
            // Another installation's backup, or one that the catalog has forgotten: what restores is never swept.
            None if listed || self.has_manifest(stored).await? => return Ok(Vec::new()),
            Some((BackupState::Succeeded, backup)) if listed => {
                // As many bytes as its manifest names, or fewer: nothing is superfluous.
                if folder.object_bytes(&manifest_key) <= backup.stored_bytes || !self.may_read_manifest() {
                    return Ok(Vec::new());
                }
                // Another manifest may name other objects, and these be the ones that restore.
                let manifest = stored.manifest_recorded_as(backup.manifest_sha256.as_deref()).await?;
                needed.extend(manifest::keys(&manifest).iter().map(|name| stored.key(name)));
                needed.insert(manifest_key.clone());
            }
            // A copy that did not come about, in a target that is not the backup's own. Objects of copies have the same keys in every
            // attempt: no job may be at it.
            Some((BackupState::Succeeded, backup)) if backup.target != self.target.id => {
                let copies = self.engine.catalog.copies_of(std::slice::from_ref(&stored.backup)).await?;
                match copies.iter().find(|copy| copy.target == self.target.id).map(|copy| copy.state) {
                    Some(CopyState::Waiting | CopyState::Succeeded) => return Ok(Vec::new()),
                    Some(CopyState::Failed) | None if self.has_manifest(stored).await? => return Ok(Vec::new()),
                    Some(CopyState::Failed) | None => {}
                }
            }
            // A succeeded backup that lost its manifest is evidence, not waste.
            Some((BackupState::Succeeded, _)) => return Ok(Vec::new()),
            Some((BackupState::Failed | BackupState::Cancelled | BackupState::Deleted, _)) | None => {}
        }
        let old = folder.entries.iter().filter(|entry| entry.modified < self.before);
        let mut keys: Vec<String> = old.map(|entry| entry.key.clone()).filter(|key| !needed.contains(key)).collect();
        keys.sort_by_key(|key| *key == manifest_key);
        Ok(keys)
    }

    /// Asks for the manifest itself. A target that does not answer may have it, and ends the sweep.
    async fn has_manifest(&self, stored: &Stored) -> Result<bool> {
        Ok(stored.bucket.head(&stored.manifest_key()).await?.is_some())
    }

    fn may_read_manifest(&mut self) -> bool {
        let Some(left) = self.manifests.checked_sub(1) else {
            tracing::info!(target = %self.target.id, "folders are left to the next sweep: it has read enough manifests");
            return false;
        };
        self.manifests = left;
        true
    }
}
