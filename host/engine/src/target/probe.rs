//! Tries out a target: writes a small object, reads it back, lists and deletes it, and says what does not work.

use std::future::Future;
use std::time::Duration;

use bulkhead_model::{Failure, FailureKind, JobId, Result};
use bulkhead_runtime::{Bucket, ByteRange, ByteSource, Runtime, StorageConfig, StoragePlugin};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::config::TargetConfig;

/// The most time that all steps take together; a request to the API may not take longer than half a minute.
const DEADLINE: Duration = Duration::from_secs(20);

/// What deleting the probe may take after that.
const TIDY_UP: Duration = Duration::from_secs(5);

/// A size that no page or block ends at.
const PROBE_BYTES: usize = 70_001;

/// What a target can do, and what it cannot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetProbe {
    /// Whether backups can be kept there.
    pub ok: bool,
    /// What was tried, in this order.
    pub steps: Vec<ProbeStep>,
}

/// One thing that was tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeStep {
    /// `configuration`, `open`, `reach`, `write`, `create_only`, `read`, `range`, `list`, `delete`, `uploads`.
    pub name: String,
    /// How it went.
    pub state: ProbeState,
    /// What went wrong.
    pub message: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
}

/// How a step went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProbeState {
    /// As it should.
    Ok,
    /// Not as it should, but backups can be kept.
    Warning,
    /// Not at all.
    Failed,
    /// Not tried, because another step failed.
    Skipped,
}

/// What is tried once the target is open.
const STEPS: [&str; 8] = ["reach", "write", "create_only", "read", "range", "list", "delete", "uploads"];

/// Tries out a target of the configuration.
pub async fn probe_target(runtime: &Runtime, target: &TargetConfig) -> TargetProbe {
    let credentials = target.credentials.as_ref().map(|secret| secret.expose().to_owned());
    let storage = StorageConfig { config: target.config.clone(), credentials, operator: true };
    match runtime.storage(&target.plugin) {
        Ok(plugin) => probe(&plugin, storage).await,
        Err(failure) => Steps::new().failed("configuration", failure).end(),
    }
}

/// Tries out a place through its plugin.
pub(crate) async fn probe(plugin: &StoragePlugin, storage: StorageConfig) -> TargetProbe {
    let mut steps = Steps::new();
    let checked = async {
        plugin.validate(&storage.config, storage.credentials.as_deref()).await?;
        plugin.check_reach(&storage)
    };
    if steps.tried("configuration", checked).await.is_some()
        && let Some(bucket) = steps.tried("open", plugin.open(storage)).await
    {
        use_bucket(&bucket, &mut steps).await;
    }
    steps.end()
}

async fn use_bucket(bucket: &Bucket, steps: &mut Steps) {
    // Keys of backups start with an organization, which cannot begin with an underscore.
    let key = format!("_probe/{}", JobId::new());
    let content = content(&key);
    // Asked for something that is not there: a listing is answered with words where other requests are not. One that is refused
    // says little of what else may be done.
    let reached = steps.bounded(nothing_at(bucket, &key)).await;
    let hopeless = reached.as_ref().is_err_and(|failure| failure.kind != FailureKind::Denied);
    let fails = |found: Result<()>| found.map_err(|failure| (ProbeState::Failed, failure));
    steps.judged("reach", std::future::ready(reached), fails).await;
    if hopeless {
        return;
    }
    let write = async || bucket.put(&key, ByteSource::from_bytes(content.clone())?, true).await;
    if steps.tried("write", kept(write())).await.is_some() {
        steps
            .judged("create_only", write(), |written| match written {
                Err(failure) if failure.kind == FailureKind::Conflict => Ok(()),
                Err(failure) => Err((ProbeState::Failed, failure)),
                Ok(_) => Err((ProbeState::Warning, overwrites())),
            })
            .await;
        steps.tried("read", same(bucket, &key, None, &content)).await;
        let range = ByteRange { offset: 1000, length: Some(100) };
        steps.tried("range", same(bucket, &key, Some(range), content.get(1000..1100).unwrap_or_default())).await;
        steps.tried("list", listed(bucket, &key, content.len())).await;
    }
    // Also after a write that failed: its answer may be what got lost.
    steps.until = steps.until.max(Instant::now() + TIDY_UP);
    let deleted = gone(bucket, &key);
    if steps.has_failed("write") {
        let _nothing_was_written = tokio::time::timeout(TIDY_UP, deleted).await;
    } else {
        steps.tried("delete", deleted).await;
    }
    // Looks, and ends nothing.
    let uploads = bucket.unfinished("", None);
    steps
        .judged("uploads", uploads, |found| match found {
            Ok(_) => Ok(()),
            Err(failure) => Err((ProbeState::Warning, failure.context("uploads that break off would be left there"))),
        })
        .await;
}

fn overwrites() -> Failure {
    Failure::conflict("the service overwrites what is there although it is told not to")
        .with_hint("backups can be kept, but nothing but Bulkhead itself keeps a manifest from being overwritten")
}

/// The same bytes for the same key, and others for another one.
fn content(key: &str) -> Vec<u8> {
    let mut bytes = vec![0; PROBE_BYTES];
    blake3::Hasher::new().update(key.as_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}

async fn kept(written: impl Future<Output = Result<u64>>) -> Result<()> {
    match written.await? {
        bytes if bytes == PROBE_BYTES as u64 => Ok(()),
        bytes => Err(Failure::corrupt(format!("{PROBE_BYTES} bytes were sent, and the target says it has {bytes}"))),
    }
}

async fn same(bucket: &Bucket, key: &str, range: Option<ByteRange>, expected: &[u8]) -> Result<()> {
    let source = bucket.get(key, range).await?;
    match source.read_all(PROBE_BYTES).await? {
        read if read == expected => Ok(()),
        read => Err(Failure::corrupt(format!(
            "an object does not read as it was written: {} bytes came, {} of others were expected",
            read.len(),
            expected.len()
        ))),
    }
}

async fn nothing_at(bucket: &Bucket, key: &str) -> Result<()> {
    match bucket.list(key, None, 1).await?.entries.is_empty() {
        true => Ok(()),
        false => Err(Failure::corrupt("a listing shows what was never written")),
    }
}

async fn listed(bucket: &Bucket, key: &str, bytes: usize) -> Result<()> {
    let page = bucket.list(key, None, 10).await?;
    match page.entries.as_slice() {
        [entry] if entry.key == key && entry.bytes == bytes as u64 => Ok(()),
        [] => Err(Failure::corrupt("an object that was just written is not listed")
            .with_hint("the sweep and retention need listings that are up to date")),
        _ => Err(Failure::corrupt("the listing shows something else than what was written")),
    }
}

async fn gone(bucket: &Bucket, key: &str) -> Result<()> {
    let left = |failure: Failure| failure.context(format!("the probe `{key}` is left in the target"));
    bucket.delete(key).await.map_err(left)?;
    match bucket.head(key).await.map_err(left)? {
        None => Ok(()),
        Some(_) => Err(left(Failure::corrupt("it was deleted and is still there"))),
    }
}

/// The steps so far.
struct Steps {
    steps: Vec<ProbeStep>,
    until: Instant,
}

impl Steps {
    fn new() -> Self {
        Self { steps: Vec::new(), until: Instant::now() + DEADLINE }
    }

    /// Does a step that must not fail.
    async fn tried<T>(&mut self, name: &str, work: impl Future<Output = Result<T>>) -> Option<T> {
        match self.bounded(work).await {
            Ok(done) => {
                self.add(name, ProbeState::Ok, None);
                Some(done)
            }
            Err(failure) => {
                self.add(name, ProbeState::Failed, Some(failure));
                None
            }
        }
    }

    /// Does a step whose outcome is judged.
    async fn judged<T>(
        &mut self,
        name: &str,
        work: impl Future<Output = Result<T>>,
        judge: impl FnOnce(Result<T>) -> Result<(), (ProbeState, Failure)>,
    ) {
        match judge(self.bounded(work).await) {
            Ok(()) => self.add(name, ProbeState::Ok, None),
            Err((state, failure)) => self.add(name, state, Some(failure)),
        }
    }

    async fn bounded<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        match tokio::time::timeout_at(self.until, work).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Failure::unavailable(format!("no answer came within {} s", DEADLINE.as_secs()))
                .with_hint("is the endpoint reachable from this host, and is it the right one?")),
        }
    }

    fn failed(mut self, name: &str, failure: Failure) -> Self {
        self.add(name, ProbeState::Failed, Some(failure));
        self
    }

    fn has_failed(&self, name: &str) -> bool {
        self.steps.iter().any(|step| step.name == name && step.state == ProbeState::Failed)
    }

    fn add(&mut self, name: &str, state: ProbeState, failure: Option<Failure>) {
        let (message, hint) = failure.map_or((None, None), |failure| (Some(failure.message), failure.hint));
        self.steps.push(ProbeStep { name: name.to_owned(), state, message, hint });
    }

    /// With what was not tried any more.
    fn end(mut self) -> TargetProbe {
        for name in ["configuration", "open"].into_iter().chain(STEPS) {
            if !self.steps.iter().any(|step| step.name == name) {
                self.add(name, ProbeState::Skipped, None);
            }
        }
        let order = |step: &ProbeStep| STEPS.iter().position(|name| *name == step.name).map_or(0, |at| at + 1);
        self.steps.sort_by_key(order);
        let ok = self.steps.iter().all(|step| matches!(step.state, ProbeState::Ok | ProbeState::Warning));
        TargetProbe { ok, steps: self.steps }
    }
}
