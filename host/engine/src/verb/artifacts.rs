//! Both ends of the byte path as a method plugin sees them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bulkhead_model::{BackupId, Failure, Manifest, ManifestObject, Result};
use bulkhead_runtime::{ArtifactReader, ArtifactWriter, ByteSource, Written};

use super::Stored;
use crate::failpoint::fail_point;
use crate::pipeline::{EncodeOptions, Identities, Meter, check_object_name, decode, encode, settle, stored_name};

/// Takes the objects of one backup attempt.
pub(crate) struct BackupWriter {
    stored: Stored,
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
    pub fn new(stored: Stored, options: EncodeOptions, meter: Arc<Meter>, attempt: u32) -> Self {
        Self { stored, options, meter, attempt, state: Mutex::default() }
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

    /// The keys that this attempt may have put something under.
    pub fn keys(&self) -> Vec<String> {
        let Ok(state) = self.lock() else { return Vec::new() };
        let names = state.begun.iter().filter_map(|name| self.key_name(name).ok());
        names.map(|name| self.stored.folder.key(&name)).collect()
    }

    fn key_name(&self, name: &str) -> Result<String> {
        stored_name(name, self.attempt, self.options.encryption())
    }

    fn lock(&self) -> Result<std::sync::MutexGuard<'_, WriterState>> {
        self.state.lock().map_err(|_| Failure::internal("a write broke down"))
    }

    async fn keep(&self, name: &str, media_type: &str, data: ByteSource) -> Result<ManifestObject> {
        let key = self.stored.folder.key(&self.key_name(name)?);
        let (source, encoding) = encode(data, &self.options, Arc::clone(&self.meter))?;
        let put = async {
            let put = self.stored.bucket.put(&key, source, false).await;
            put.map_err(|failure| failure.context("storing the artifact"))
        };
        let (put, encoded) = tokio::join!(put, encoding.encoded());
        let object = settle(put, encoded)?.into_object(name, media_type)?;
        self.stored.check_size(&object).await?;
        fail_point("backup.object-written")?;
        Ok(object)
    }
}

#[async_trait]
impl ArtifactWriter for BackupWriter {
    async fn write(&self, name: &str, media_type: &str, data: ByteSource) -> Result<Written> {
        check_object_name(name)?;
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

/// Gives the objects of a chain.
pub(crate) struct ChainReader {
    links: BTreeMap<BackupId, (Stored, Manifest)>,
    identities: Identities,
    meter: Arc<Meter>,
}

impl ChainReader {
    pub fn new(links: BTreeMap<BackupId, (Stored, Manifest)>, identities: Identities, meter: Arc<Meter>) -> Self {
        Self { links, identities, meter }
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
        let source = stored.bucket.get(&stored.folder.key(&object.key), None).await?;
        decode(source, backup, object, &self.identities, Arc::clone(&self.meter))
    }
}
