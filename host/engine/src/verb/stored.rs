//! A backup as it lies in its target: its folder, its manifest, its objects.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use bulkhead_catalog::Backup;
use bulkhead_model::{BackupId, Failure, FailureKind, MANIFEST_NAME, Manifest, ManifestObject, Result};
use bulkhead_runtime::{Bucket, ByteSource, Entry};
use sha2::{Digest as _, Sha256};

use crate::failpoint::fail_point;
use crate::pipeline::{layout, manifest};

/// The largest manifest that is read.
const MANIFEST_LIMIT: usize = 16 << 20;

/// Keys asked for at a time.
const PAGE: u32 = 1000;

/// The most pages of one listing: a bound on what a storage plugin can make the host do.
const PAGES_MAX: usize = 100_000;

/// The most objects of one backup: a bound on what a target's listing can make the host remember.
pub(crate) const OBJECTS_MAX: usize = 100_000;

/// The folder of one backup in one target.
#[derive(Clone)]
pub(crate) struct Stored {
    pub bucket: Bucket,
    pub backup: BackupId,
    /// What every key of the backup starts with; ends with `/`.
    pub prefix: String,
}

impl Stored {
    pub fn new(bucket: &Bucket, backup: &Backup) -> Self {
        let own = || layout::backup_prefix(&backup.organization, &backup.service, &backup.id);
        let prefix = backup.folder.clone().unwrap_or_else(own);
        Self { bucket: bucket.clone(), backup: backup.id.clone(), prefix }
    }

    /// The key of an object of this backup.
    pub fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// The key of the manifest.
    pub fn manifest_key(&self) -> String {
        self.key(MANIFEST_NAME)
    }

    /// The manifest and the SHA-256 of its bytes, or nothing when the backup does not exist in the target.
    pub async fn manifest(&self) -> Result<Option<(Manifest, String)>> {
        let Some((bytes, sha256)) = self.manifest_bytes().await? else { return Ok(None) };
        Ok(Some((self.decode(&bytes)?, sha256)))
    }

    /// The manifest, when it is the very one that was written. Compared before it is understood: a changed byte must not pass for a
    /// newer format or another backup.
    ///
    /// # Errors
    /// `corrupt` when it is missing or another one.
    pub async fn manifest_recorded_as(&self, sha256: Option<&str>) -> Result<Manifest> {
        match (self.manifest_bytes().await?, sha256) {
            (None, _) => Err(Failure::corrupt(format!("object `{MANIFEST_NAME}` is missing from the target"))),
            (Some((_, found)), Some(recorded)) if recorded != found => Err(Failure::corrupt(format!(
                "object `{MANIFEST_NAME}` is damaged: its sha-256 is {found}, recorded is {recorded}"
            ))),
            (Some((bytes, _)), _) => self.decode(&bytes),
        }
    }

    fn decode(&self, bytes: &[u8]) -> Result<Manifest> {
        let manifest = manifest::decode(bytes)?;
        if manifest.backup != self.backup {
            return Err(Failure::corrupt(format!("the manifest belongs to backup `{}`", manifest.backup)));
        }
        Ok(manifest)
    }

    async fn manifest_bytes(&self) -> Result<Option<(Vec<u8>, String)>> {
        let source = match self.bucket.get(&self.manifest_key(), None).await {
            Ok(source) => source,
            Err(failure) if failure.kind == FailureKind::NotFound => return Ok(None),
            Err(failure) => return Err(failure.context("reading the manifest")),
        };
        let bytes = source.read_all(MANIFEST_LIMIT).await.map_err(|failure| failure.context("reading the manifest"))?;
        let sha256 = hex::encode(Sha256::digest(&bytes));
        Ok(Some((bytes, sha256)))
    }

    /// Writes the manifest, for ever, and reads it back. Returns the SHA-256 of its bytes. What counts is what is stored in the end:
    /// the answer to a put can get lost. Another manifest, and whatever is there that is not this one, stays as it is.
    ///
    /// # Errors
    /// `conflict` when there is another one already. After any failure this one may be there all the same, or arrive later.
    pub async fn put_manifest(&self, manifest: &Manifest) -> Result<String> {
        let bytes = manifest::encode(manifest)?;
        let digest = hex::encode(Sha256::digest(&bytes));
        let put = self.bucket.put(&self.manifest_key(), ByteSource::from_bytes(bytes)?, true).await;
        match (put, self.manifest_bytes().await) {
            (_, Ok(Some((_, found)))) if found == digest => Ok(digest),
            (Err(failure), _) | (Ok(_), Err(failure)) => Err(failure),
            (Ok(_), Ok(_)) => Err(Failure::corrupt("the target did not keep the manifest as it was written")),
        }
    }

    /// Writes the manifest of the same backup in another target, as it is there to the byte, and reads it back. One that lies here
    /// already is as good, when it is the same.
    ///
    /// # Errors
    /// `corrupt` when either is not the one that was recorded.
    pub async fn take_manifest_of(&self, other: &Self, recorded: Option<&str>) -> Result<()> {
        let missing = || Failure::corrupt(format!("object `{MANIFEST_NAME}` is missing where it is copied from"));
        let (bytes, sha256) = other.manifest_bytes().await?.ok_or_else(missing)?;
        if recorded.is_some_and(|recorded| recorded != sha256) {
            return Err(Failure::corrupt(format!("object `{MANIFEST_NAME}` is damaged where it is copied from")));
        }
        let put = self.bucket.put(&self.manifest_key(), ByteSource::from_bytes(bytes)?, true).await;
        match (self.manifest_recorded_as(Some(&sha256)).await, put) {
            // Also when the answer to the put was lost, or it was there before.
            (Ok(_), _) => Ok(()),
            (Err(_), Err(failure)) if failure.kind != FailureKind::Conflict => {
                Err(failure.context("writing the manifest"))
            }
            (Err(failure), _) => Err(failure),
        }
    }

    /// Fails unless every object is there in the recorded size.
    pub async fn check_sizes(&self, manifest: &Manifest) -> Result<()> {
        for object in &manifest.objects {
            self.check_size(object).await?;
        }
        Ok(())
    }

    /// Fails unless the object is there in the recorded size.
    pub async fn check_size(&self, object: &ManifestObject) -> Result<()> {
        match self.bucket.head(&self.key(&object.key)).await? {
            Some(entry) if entry.bytes == object.stored_bytes => Ok(()),
            Some(entry) => Err(Failure::corrupt(format!(
                "object `{}` has {} bytes in the target, {} are recorded",
                object.key, entry.bytes, object.stored_bytes
            ))),
            None => Err(Failure::corrupt(format!("object `{}` is missing from the target", object.key))),
        }
    }

    /// All keys of this backup's folder.
    pub async fn entries(&self) -> Result<Vec<Entry>> {
        list_all(&self.bucket, &self.prefix).await
    }

    /// Deletes everything in the folder, the manifest last. Says how many objects went.
    pub async fn delete_all(&self) -> Result<usize> {
        let manifest_key = self.manifest_key();
        let (manifest, objects): (Vec<_>, Vec<_>) =
            self.entries().await?.into_iter().map(|entry| entry.key).partition(|key| *key == manifest_key);
        for object in &objects {
            delete_keys(&self.bucket, std::slice::from_ref(object)).await?;
            fail_point("expire.object-deleted")?;
        }
        fail_point("expire.objects-deleted")?;
        delete_keys(&self.bucket, &manifest).await?;
        Ok(objects.len() + manifest.len())
    }
}

/// All entries below a prefix.
async fn list_all(bucket: &Bucket, prefix: &str) -> Result<Vec<Entry>> {
    let (mut listing, mut entries) = (Listing::new(bucket, prefix), Vec::new());
    while let Some(mut page) = listing.next().await? {
        entries.append(&mut page);
        if entries.len() > OBJECTS_MAX {
            return Err(listing.corrupt(&format!("has more than {OBJECTS_MAX} objects")));
        }
    }
    Ok(entries)
}

/// The entries below a prefix, a page at a time, in whatever order the target lists them: real servers list in the order of the keys'
/// bytes, or folder by folder. What a storage plugin says is bounded, and otherwise not trusted: an entry may be missing, or come twice.
pub(crate) struct Listing<'a> {
    bucket: &'a Bucket,
    prefix: &'a str,
    after: Option<String>,
    /// Digests of the keys that pages have ended with.
    ends: HashSet<u64>,
    ended: bool,
}

impl<'a> Listing<'a> {
    pub fn new(bucket: &'a Bucket, prefix: &'a str) -> Self {
        Self::after(bucket, prefix, None)
    }

    /// As [`Listing::new`], from behind a key on.
    pub fn after(bucket: &'a Bucket, prefix: &'a str, after: Option<String>) -> Self {
        Self { bucket, prefix, after, ends: HashSet::new(), ended: false }
    }

    /// All that is left.
    ///
    /// # Errors
    /// `corrupt` when there are more than `limit`.
    pub async fn all(mut self, limit: usize) -> Result<Vec<Entry>> {
        let mut entries = Vec::new();
        while let Some(mut page) = self.next().await? {
            entries.append(&mut page);
            if entries.len() > limit {
                return Err(Failure::corrupt(format!("`{}` holds more than {limit} objects", self.prefix)));
            }
        }
        Ok(entries)
    }

    /// The next page; `None` after the last one.
    pub async fn next(&mut self) -> Result<Option<Vec<Entry>>> {
        if self.ended {
            return Ok(None);
        }
        let page = self.bucket.list(self.prefix, self.after.as_deref(), PAGE).await?;
        if let Some(other) = page.entries.iter().find(|entry| !entry.key.starts_with(self.prefix)) {
            return Err(self.corrupt(&format!("names `{}`, which does not begin so", other.key)));
        }
        match page.next {
            None => self.ended = true,
            // A plugin that hands out the same pages for ever is stopped at once.
            Some(next) => {
                let mut hasher = DefaultHasher::new();
                next.hash(&mut hasher);
                if !self.ends.insert(hasher.finish()) || self.ends.len() >= PAGES_MAX {
                    return Err(self.corrupt("does not end"));
                }
                self.after = Some(next);
            }
        }
        Ok(Some(page.entries))
    }

    fn corrupt(&self, what: &str) -> Failure {
        Failure::corrupt(format!("the target's listing of `{}` {what}", self.prefix))
    }
}

/// Deletes keys one by one.
pub(crate) async fn delete_keys(bucket: &Bucket, keys: &[String]) -> Result<()> {
    for key in keys {
        bucket.delete(key).await.map_err(|failure| failure.context(format!("deleting `{key}`")))?;
    }
    Ok(())
}
