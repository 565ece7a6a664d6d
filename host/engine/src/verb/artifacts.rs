//! Both ends of the byte path as a method plugin sees them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bulkhead_model::{BackupId, Failure, Manifest, ManifestObject, Result, TargetId};
use bulkhead_runtime::{ArtifactReader, ArtifactWriter, ByteSource, Written};
use futures::future::join_all;

use super::Stored;
use crate::failpoint::fail_point;
use crate::pipeline::{self, EncodeOptions, Keys, Meter, layout};

/// Takes the objects of one backup attempt.
pub(crate) struct BackupWriter {
    stored: Stored,
    copies: Vec<CopyWriter>,
    options: EncodeOptions,
    meter: Arc<Meter>,
    /// Number of the attempt. Objects of different attempts have different keys, so that a host that was taken for dead and comes
    /// back can never overwrite what its successor wrote.
    attempt: u32,
    state: Mutex<WriterState>,
}

#[derive(Default)]
struct WriterState {
    begun: BTreeSet<String>,
    kept: Vec<ManifestObject>,
    failure: Option<Failure>,
}

impl BackupWriter {
    pub fn new(
        stored: Stored,
        copies: Vec<CopyWriter>,
        options: EncodeOptions,
        meter: Arc<Meter>,
        attempt: u32,
    ) -> Self {
        Self { stored, copies, options, meter, attempt, state: Mutex::default() }
    }

    /// The other targets that the objects go to.
    pub fn copies(&self) -> &[CopyWriter] {
        &self.copies
    }

    /// The objects kept, once the method has said that it succeeded.
    ///
    /// # Errors
    /// When a write failed or has not ended: whatever the method says then, the backup is not whole.
    pub fn finish(&self) -> Result<Vec<ManifestObject>> {
        let state = self.lock()?;
        if let Some(failure) = &state.failure {
            return Err(failure.clone());
        }
        if state.kept.len() != state.begun.len() {
            return Err(Failure::corrupt("the method returned before its writes had ended"));
        }
        if state.kept.is_empty() {
            return Err(Failure::corrupt("the method returned success without writing anything"));
        }
        Ok(state.kept.clone())
    }

    /// The keys that this attempt may have put something under, the same in every target.
    pub fn keys(&self) -> Vec<String> {
        let Ok(state) = self.lock() else { return Vec::new() };
        state.begun.iter().map(|name| self.stored.key(&self.key_name(name))).collect()
    }

    fn key_name(&self, name: &str) -> String {
        layout::object_key_name(name, self.attempt, self.options.encryption())
    }

    fn lock(&self) -> Result<std::sync::MutexGuard<'_, WriterState>> {
        self.state.lock().map_err(|_| Failure::internal("a write broke down"))
    }

    async fn keep(&self, name: &str, media_type: &str, data: ByteSource) -> Result<ManifestObject> {
        let key_name = self.key_name(name);
        let key = self.stored.key(&key_name);
        let (source, encoding) = pipeline::encode(data, self.options.clone(), Arc::clone(&self.meter))?;
        let copies: Vec<&CopyWriter> = self.copies.iter().filter(|copy| copy.is_whole()).collect();
        let (source, copied) = if copies.is_empty() {
            (source, Vec::new())
        } else {
            let mut sources = pipeline::relay(source, 1 + copies.len(), None)?.into_iter();
            let first = sources.next().ok_or_else(|| Failure::internal("a stream was handed on to nobody"))?;
            (first, sources.collect())
        };
        let copying = join_all(copies.iter().zip(copied).map(|(copy, source)| copy.put(&key, source)));
        let (put, encoded, copied) = tokio::join!(self.stored.bucket.put(&key, source, false), encoding, copying);
        let put = put.map_err(|failure| failure.context("storing the artifact"));
        // When both fail, the byte path knows the cause and the target only that its source broke off - unless the path failed
        // because the target stopped reading.
        let (kept, encoded) = match (put, encoded) {
            (Ok(kept), Ok(encoded)) => (kept, encoded),
            (Err(put), Err(encoded)) if encoded.is_reader_gone() => return Err(put),
            (_, Err(encoded)) => return Err(encoded.into_failure()),
            (Err(put), Ok(_)) => return Err(put),
        };
        if kept != encoded.stored_bytes {
            return Err(Failure::corrupt(format!(
                "the target says it kept {kept} bytes of `{key_name}`, {} were sent",
                encoded.stored_bytes
            )));
        }
        let object = ManifestObject {
            name: name.to_owned(),
            key: key_name,
            media_type: media_type.to_owned(),
            plain_bytes: encoded.plain_bytes,
            stored_bytes: encoded.stored_bytes,
            plain_blake3: encoded.plain_blake3,
            stored_sha256: encoded.stored_sha256,
            codec: encoded.codec,
            encryption: encoded.encryption,
        };
        self.stored.check_size(&object).await?;
        for (copy, kept) in copies.into_iter().zip(copied) {
            copy.check(kept, &object).await;
        }
        fail_point("backup.object-stored")?;
        Ok(object)
    }
}

#[async_trait]
impl ArtifactWriter for BackupWriter {
    async fn write(&self, name: &str, media_type: &str, data: ByteSource) -> Result<Written> {
        layout::check_object_name(name)?;
        if !self.lock()?.begun.insert(name.to_owned()) {
            let failure = Failure::invalid(format!("object `{name}` was written before"));
            self.lock()?.failure.get_or_insert(failure.clone());
            return Err(failure);
        }
        let kept = self.keep(name, media_type, data).await;
        let mut state = self.lock()?;
        match kept {
            Ok(object) => {
                let written = Written {
                    plain_bytes: object.plain_bytes,
                    stored_bytes: object.stored_bytes,
                    blake3: object.plain_blake3.clone(),
                };
                state.kept.push(object);
                Ok(written)
            }
            Err(failure) => {
                state.failure.get_or_insert(failure.clone());
                Err(failure)
            }
        }
    }
}

/// Another target that the objects of a backup go to, in the same stream. It may fail without taking the backup along.
pub(crate) struct CopyWriter {
    pub target: TargetId,
    stored: Result<Stored>,
    failure: Mutex<Option<Failure>>,
}

impl CopyWriter {
    /// `stored` is the backup's folder there, or why there is none.
    pub fn new(target: TargetId, stored: Result<Stored>) -> Self {
        let failure = Mutex::new(stored.as_ref().err().cloned());
        Self { target, stored, failure }
    }

    /// The folder, as long as everything so far has arrived there.
    pub fn whole(&self) -> Result<&Stored> {
        match self.failure.lock() {
            Ok(failure) => failure.clone().map_or(Ok(()), Err)?,
            Err(_) => return Err(Failure::internal("a write broke down")),
        }
        self.stored.as_ref().map_err(Clone::clone)
    }

    /// The folder, if only to remove what lies there.
    pub fn folder(&self) -> Option<&Stored> {
        self.stored.as_ref().ok()
    }

    /// Notes that it cannot become whole any more.
    pub fn fail(&self, failure: Failure) {
        tracing::warn!(target = %self.target, error = %failure, "a copy cannot be made while the backup is");
        if let Ok(mut first) = self.failure.lock() {
            first.get_or_insert(failure);
        }
    }

    fn is_whole(&self) -> bool {
        self.whole().is_ok()
    }

    async fn put(&self, key: &str, source: ByteSource) -> Result<u64> {
        self.whole()?.bucket.put(key, source, false).await
    }

    async fn check(&self, kept: Result<u64>, object: &ManifestObject) {
        let checked = async {
            let kept = kept?;
            if kept != object.stored_bytes {
                return Err(Failure::corrupt(format!("{kept} bytes of `{}` were kept, not all", object.key)));
            }
            self.whole()?.check_size(object).await
        };
        if let Err(failure) = checked.await {
            self.fail(failure);
        }
    }
}

/// Gives the objects of a chain.
pub(crate) struct ChainReader {
    links: BTreeMap<BackupId, (Stored, Manifest)>,
    keys: Keys,
    meter: Arc<Meter>,
    /// Objects by their keys: opened, and then proved to be what was written or not.
    opened: Arc<Mutex<BTreeMap<String, Opened>>>,
}

/// An object that a method reads or has read.
struct Opened {
    backup: BackupId,
    object: ManifestObject,
    proved: bool,
}

/// What a restore reads.
#[async_trait]
pub(crate) trait RestoreReader: ArtifactReader {
    /// Finds out whether bytes are to blame for a failed restore: a tool that meets damage first knows nothing of objects and
    /// digests, and leaves the rest unread.
    ///
    /// # Errors
    /// `corrupt` for the first object that is damaged.
    async fn find_damage(&self) -> Result<()>;
}

impl ChainReader {
    pub fn new(links: BTreeMap<BackupId, (Stored, Manifest)>, keys: Keys, meter: Arc<Meter>) -> Self {
        Self { links, keys, meter, opened: Arc::default() }
    }
}

#[async_trait]
impl ArtifactReader for ChainReader {
    async fn open(&self, backup: &BackupId, name: &str) -> Result<ByteSource> {
        let (stored, manifest) = self
            .links
            .get(backup)
            .ok_or_else(|| Failure::not_found(format!("backup `{backup}` is not part of this restore")))?;
        let object = manifest
            .objects
            .iter()
            .find(|object| object.name == name)
            .ok_or_else(|| Failure::not_found(format!("backup `{backup}` has no object `{name}`")))?;
        let source = stored.bucket.get(&stored.key(&object.key), None).await?;
        let (key, opened) = (stored.key(&object.key), Arc::clone(&self.opened));
        let entry = Opened { backup: backup.clone(), object: object.clone(), proved: false };
        opened.lock().map_err(|_| Failure::internal("a read broke down"))?.insert(key.clone(), entry);
        pipeline::decode_then(source, object, &self.keys, Arc::clone(&self.meter), move |outcome| {
            if let (Ok(_), Ok(mut opened)) = (outcome, opened.lock())
                && let Some(entry) = opened.get_mut(&key)
            {
                entry.proved = true;
            }
        })
    }
}

#[async_trait]
impl RestoreReader for ChainReader {
    async fn find_damage(&self) -> Result<()> {
        let doubtful: Vec<_> = {
            let opened = self.opened.lock().map_err(|_| Failure::internal("a read broke down"))?;
            let doubtful = opened.values().filter(|opened| !opened.proved);
            doubtful.map(|opened| (opened.backup.clone(), opened.object.clone())).collect()
        };
        for (backup, object) in doubtful {
            let Some((stored, _)) = self.links.get(&backup) else { continue };
            let source = stored.bucket.get(&stored.key(&object.key), None).await?;
            pipeline::verify_stored(source, &object, Arc::default()).await?;
        }
        Ok(())
    }
}
