//! Targets in memory that fail, lose their answers and lie; and a method that backs up a few bytes into them.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use bulkhead_model::{Failure, MANIFEST_NAME, Manifest, Report, Result, Timestamp};
use bulkhead_runtime::{
    Attempt, BackupRequest, BucketStandIn, ByteRange, ByteSource, Entry, MethodStandIn, Page, StorageConfig,
    StorageStandIn, Upload,
};
use sha2::{Digest as _, Sha256};

use super::stage::{CallKind, Pass, Stage, Verdict};
use crate::pipeline::{layout, manifest};

/// What the targets hold, whoever asks.
#[derive(Default)]
pub struct Shelves(Mutex<Vec<BTreeMap<String, Object>>>);

/// An object.
#[derive(Clone)]
pub struct Object {
    pub bytes: Arc<[u8]>,
    pub modified: Timestamp,
    /// Of a manifest: what it says, and its digest.
    pub manifest: Option<Arc<(Manifest, String)>>,
}

pub const TARGETS: [&str; 2] = ["near", "far"];

impl Shelves {
    pub fn clear(&self) {
        *self.0.lock().unwrap() = vec![BTreeMap::new(); TARGETS.len()];
    }

    pub fn all(&self) -> MutexGuard<'_, Vec<BTreeMap<String, Object>>> {
        self.0.lock().unwrap()
    }
}

/// An object as a target keeps it.
pub fn object(key: &str, bytes: Vec<u8>, modified: Timestamp) -> Object {
    let digest = || hex::encode(Sha256::digest(&bytes));
    let is_manifest = key.ends_with(MANIFEST_NAME);
    let manifest = is_manifest.then(|| manifest::decode(&bytes).ok()).flatten();
    let manifest = manifest.map(|manifest| Arc::new((manifest, digest())));
    Object { bytes: bytes.into(), modified, manifest }
}

/// The storage plugin of one host.
pub struct Storage {
    pub stage: Arc<Stage>,
    pub shelves: Arc<Shelves>,
    pub time: Arc<AtomicI64>,
    pub host: usize,
}

impl StorageStandIn for Storage {
    fn open(&self, config: &StorageConfig) -> Result<Arc<dyn BucketStandIn>> {
        let target = config.config["target"].as_u64().unwrap_or_default() as usize;
        Ok(Arc::new(Shelf {
            stage: Arc::clone(&self.stage),
            shelves: Arc::clone(&self.shelves),
            time: Arc::clone(&self.time),
            host: self.host,
            target,
        }))
    }
}

/// One target as one host reaches it.
struct Shelf {
    stage: Arc<Stage>,
    shelves: Arc<Shelves>,
    time: Arc<AtomicI64>,
    host: usize,
    target: usize,
}

impl Shelf {
    async fn gate(&self, kind: CallKind, word: &str, key: &str) -> Result<Pass> {
        let what = |stage: &Stage| {
            let key = match layout::parse_key(key) {
                Some((prefix, backup)) => format!("{}/{}", stage.name(backup.as_str(), 'b'), &key[prefix.len()..]),
                None => key.to_owned(),
            };
            format!("{word} {}/{key}", TARGETS[self.target])
        };
        let pass = self.stage.gate(self.host, kind, what).await?;
        match pass.verdict {
            Verdict::Fail => Err(Failure::unavailable("the target cannot be reached")),
            _ => Ok(pass),
        }
    }

    fn found(&self, key: &str) -> Option<Object> {
        self.shelves.all()[self.target].get(key).cloned()
    }

    fn keep(&self, key: &str, bytes: Vec<u8>) {
        let modified = Timestamp::from_micros(self.time.load(Ordering::Relaxed));
        self.shelves.all()[self.target].insert(key.to_owned(), object(key, bytes, modified));
        self.stage.soil_shelves();
    }
}

#[async_trait]
impl BucketStandIn for Shelf {
    async fn put(&self, key: &str, data: ByteSource, if_absent: bool) -> Result<u64> {
        let kind = if key.ends_with(MANIFEST_NAME) { CallKind::PutManifest } else { CallKind::Put };
        let pass = self.gate(kind, "puts", key).await?;
        let mut bytes = data.read_all(1 << 20).await?;
        let sent = bytes.len() as u64;
        if if_absent && self.found(key).is_some() {
            return Err(Failure::conflict(format!("`{key}` exists")));
        }
        if pass.verdict == Verdict::Lie {
            bytes.truncate(bytes.len() / 2);
        }
        if pass.verdict != Verdict::Lie || !bytes.is_empty() {
            self.keep(key, bytes);
        }
        pass.answer(sent).await
    }

    async fn get(&self, key: &str, _range: Option<ByteRange>) -> Result<ByteSource> {
        let pass = self.gate(CallKind::Get, "gets", key).await?;
        let found = self.found(key).filter(|_| pass.verdict != Verdict::Lie);
        let found = found.ok_or_else(|| Failure::not_found(format!("there is no `{key}`")))?;
        let source = ByteSource::from_bytes(found.bytes.to_vec())?;
        pass.answer(source).await
    }

    async fn head(&self, key: &str) -> Result<Option<Entry>> {
        let pass = self.gate(CallKind::Head, "looks at", key).await?;
        let found = self.found(key).filter(|_| pass.verdict != Verdict::Lie);
        pass.answer(found.map(|object| entry(key, &object))).await
    }

    async fn list(&self, prefix: &str, after: Option<&str>, limit: u32) -> Result<Page> {
        let pass = self.gate(CallKind::List, "lists", prefix).await?;
        let mut entries: Vec<Entry> = {
            let shelves = self.shelves.all();
            let from = after.map_or(Bound::Included(prefix), Bound::Excluded);
            let from_there = shelves[self.target].range::<str, _>((from, Bound::Unbounded));
            let below = from_there.skip_while(|(key, _)| !key.starts_with(prefix));
            below.take_while(|(key, _)| key.starts_with(prefix)).map(|(key, object)| entry(key, object)).collect()
        };
        entries.truncate(limit as usize);
        if pass.verdict == Verdict::Lie {
            entries.pop();
        }
        pass.answer(Page { entries, next: None }).await
    }

    async fn delete(&self, key: &str) -> Result<()> {
        let pass = self.gate(CallKind::Delete, "deletes", key).await?;
        if pass.verdict != Verdict::Lie {
            self.shelves.all()[self.target].remove(key);
            self.stage.soil_shelves();
        }
        pass.answer(()).await
    }

    async fn unfinished(&self, _prefix: &str, _after: Option<&Upload>) -> Result<Vec<Upload>> {
        Ok(Vec::new())
    }

    async fn abandon(&self, _upload: &Upload) -> Result<()> {
        Ok(())
    }
}

fn entry(key: &str, object: &Object) -> Entry {
    Entry { key: key.to_owned(), bytes: object.bytes.len() as u64, modified: object.modified }
}

/// Backs up some small objects.
pub struct Method(pub Arc<AtomicUsize>);

const OBJECTS: [(&str, u8); 2] = [("data", 40), ("tables", 20)];

#[async_trait]
impl MethodStandIn for Method {
    async fn backup(&self, attempt: Attempt, _request: BackupRequest) -> Result<Report> {
        let writer = attempt.writer.ok_or_else(|| Failure::internal("nowhere to write to"))?;
        for (name, bytes) in OBJECTS.into_iter().take(self.0.load(Ordering::Relaxed)) {
            let source = ByteSource::from_bytes(vec![bytes; usize::from(bytes)])?;
            writer.write(name, "application/octet-stream", source).await?;
        }
        Ok(Report::default())
    }
}
