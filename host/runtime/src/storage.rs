//! Storage plugins: places to keep artifacts in.

use std::fmt;
use std::os::unix::fs::DirBuilderExt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bulkhead_model::{Failure, Result, Timestamp};
use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinHandle, JoinSet};
use wasmtime::Store;

use crate::call::{Call, QUESTION_DEADLINE, Sandbox};
use crate::contract::v0_1::{Location, StorageContract};
use crate::egress::{Egress, EgressRules};
use crate::runtime::PluginInfo;
use crate::stand_in::{BucketStandIn, StorageStandIn};
use crate::state::PluginState;
use crate::wasi::Preopen;
use crate::{ByteSource, Completion};

/// How long a put whose caller is gone may take to remove what it has begun.
const TIDY_UP: Duration = Duration::from_secs(30);

/// How to open a target.
#[derive(Clone, Default)]
pub struct StorageConfig {
    /// The target's configuration. Host directories named by `directory:<key>` grants are taken from its keys.
    pub config: serde_json::Value,
    /// What the target's secret holds, in the plugin's own form.
    pub credentials: Option<String>,
    /// Whether the configuration is the operator's own: endpoints in it may be private then.
    pub operator: bool,
}

/// A part of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteRange {
    /// First byte.
    pub offset: u64,
    /// Number of bytes; `None` reads to the end.
    pub length: Option<u64>,
}

/// An object in a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its key.
    pub key: String,
    /// Its size.
    pub bytes: u64,
    /// When it was last written.
    pub modified: Timestamp,
}

/// An upload in a target that was begun and neither completed nor ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// Of which object.
    pub key: String,
    /// The upload's own name.
    pub id: String,
    /// When it was begun.
    pub begun: Timestamp,
}

/// A part of a listing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// In ascending order of the key's bytes, says the contract; not every service keeps to it.
    pub entries: Vec<Entry>,
    /// Pass as `after` for the next page; `None` on the last.
    pub next: Option<String>,
}

/// A loaded storage plugin.
#[derive(Clone)]
pub struct StoragePlugin {
    loaded: Arc<Loaded>,
}

struct Loaded {
    info: PluginInfo,
    body: Body,
}

enum Body {
    Component(Arc<Component>),
    StandIn(Arc<dyn StorageStandIn>),
}

struct Component {
    sandbox: Sandbox,
    contract: StorageContract,
    egress: EgressRules,
}

impl fmt::Debug for StoragePlugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoragePlugin").field("info", self.info()).finish_non_exhaustive()
    }
}

impl StoragePlugin {
    pub(crate) fn new(info: PluginInfo, sandbox: Sandbox, contract: StorageContract, egress: EgressRules) -> Self {
        let body = Body::Component(Arc::new(Component { sandbox, contract, egress }));
        Self { loaded: Arc::new(Loaded { info, body }) }
    }

    pub(crate) fn stand_in(info: PluginInfo, stand_in: Arc<dyn StorageStandIn>) -> Self {
        Self { loaded: Arc::new(Loaded { info, body: Body::StandIn(stand_in) }) }
    }

    /// What the plugin says of itself.
    pub fn info(&self) -> &PluginInfo {
        &self.loaded.info
    }

    /// Lets the plugin check a configuration and credentials.
    ///
    /// # Errors
    /// The plugin's own, or that it trapped or used more than it may.
    pub async fn validate(&self, config: &serde_json::Value, credentials: Option<&str>) -> Result<()> {
        let Body::Component(component) = &self.loaded.body else { return Ok(()) };
        let (store, call) = component.sandbox.prepare("validate", None, Vec::new(), None, QUESTION_DEADLINE)?;
        let at = Location { config: config.to_string(), credentials: credentials.map(str::to_owned) };
        call.run(component.contract.validate(store, at)).await
    }

    /// Checks that the plugin may have what a target's configuration asks for: its endpoints, without asking them anything. That it
    /// names no host directory, too, unless it is the operator's own.
    ///
    /// # Errors
    /// `invalid` and `denied`, naming the configuration's key.
    pub fn check_reach(&self, config: &StorageConfig) -> Result<()> {
        let Body::Component(component) = &self.loaded.body else { return Ok(()) };
        let named = component.sandbox.grants.asked("directory:").find(|key| config.config.get(*key).is_some());
        if let Some(key) = named.filter(|_| !config.operator) {
            return Err(Failure::denied(format!("`{key}` of the configuration names a directory of the host"))
                .with_hint("only the operator's configuration file can do that"));
        }
        component.egress(config).map(drop)
    }

    /// Opens a target. Directories that its configuration names are made when they are missing, with mode 0700.
    ///
    /// # Errors
    /// The plugin's own; `denied` when a directory is not granted; `unavailable` when it cannot be made.
    pub async fn open(&self, config: StorageConfig) -> Result<Bucket> {
        self.check_reach(&config)?;
        let component = match &self.loaded.body {
            Body::Component(component) => component,
            Body::StandIn(stand_in) => {
                let bucket = stand_in.open(&config)?;
                return Ok(Bucket { plugin: self.clone(), opened: Opened::StandIn(bucket) });
            }
        };
        let preopens = component.directories(&config.config)?;
        let egress = component.egress(&config)?;
        for Preopen { host, .. } in &preopens {
            let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(host);
            made.map_err(|error| {
                Failure::unavailable(format!("directory {} cannot be made: {error}", host.display())).with_retry(false)
            })?;
        }
        let at = Location { config: config.config.to_string(), credentials: config.credentials };
        let place = Place { component: Arc::clone(component), at, preopens: preopens.into(), egress };
        let (store, call) = place.prepare("open", QUESTION_DEADLINE)?;
        call.run(component.contract.open(store, place.at.clone())).await?;
        Ok(Bucket { plugin: self.clone(), opened: Opened::Place(Arc::new(place)) })
    }
}

impl Component {
    fn egress(&self, config: &StorageConfig) -> Result<Egress> {
        Egress::new(&self.egress, &self.sandbox.grants, &config.config, config.operator)
    }

    /// The host directories that the configuration names, for the keys that the plugin asked for and was granted.
    fn directories(&self, config: &serde_json::Value) -> Result<Vec<Preopen>> {
        let grants = &self.sandbox.grants;
        let mut preopens = Vec::new();
        for key in grants.asked("directory:") {
            let Some(value) = config.get(key) else { continue };
            grants.check(&format!("directory:{key}"))?;
            let path = value.as_str().filter(|path| !path.is_empty());
            let path =
                path.ok_or_else(|| Failure::invalid(format!("`{key}` of the configuration names no directory")))?;
            preopens.push(Preopen { host: path.into(), guest: format!("/{key}") });
        }
        Ok(preopens)
    }
}

/// An opened target. Each operation runs in a fresh sandbox; dropping its future ends it.
#[derive(Clone)]
pub struct Bucket {
    plugin: StoragePlugin,
    opened: Opened,
}

#[derive(Clone)]
enum Opened {
    Place(Arc<Place>),
    StandIn(Arc<dyn BucketStandIn>),
}

/// What each call of a component is told of the target.
struct Place {
    component: Arc<Component>,
    at: Location,
    preopens: Arc<[Preopen]>,
    egress: Egress,
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bucket").field("plugin", &self.plugin.info().name).finish_non_exhaustive()
    }
}

impl Bucket {
    /// Keeps an object: all of it, durably, or nothing. Returns the bytes kept, which are as many as the source sent.
    ///
    /// # Errors
    /// `conflict` when `if_absent` and the key exists; the source's own failure; the plugin's.
    pub async fn put(&self, key: &str, data: ByteSource, if_absent: bool) -> Result<u64> {
        let place = match &self.opened {
            Opened::Place(place) => Arc::clone(place),
            Opened::StandIn(bucket) => return bucket.put(key, data, if_absent).await,
        };
        let (store, call) = place.prepare("put", Duration::MAX)?;
        let key = key.to_owned();
        let work =
            async move { call.run(place.component.contract.put(store, place.at.clone(), key, data, if_absent)).await };
        let outcome = Lingering(tokio::spawn(work)).await;
        outcome.unwrap_or_else(|broken| Err(Failure::internal(format!("a storage call broke down: {broken}"))))
    }

    /// Opens an object. The bytes flow while the returned source is read; dropping it ends the sandbox.
    ///
    /// # Errors
    /// `not-found`; `invalid` for a range past the end; the plugin's own. A failure while reading comes in `done`.
    pub async fn get(&self, key: &str, range: Option<ByteRange>) -> Result<ByteSource> {
        let place = match &self.opened {
            Opened::Place(place) => Arc::clone(place),
            Opened::StandIn(bucket) => return bucket.get(key, range).await,
        };
        let (store, call) = place.prepare("get", Duration::MAX)?;
        let key = key.to_owned();
        let (opened, pipe) = oneshot::channel();
        let (mut completion, done) = Completion::new();
        tokio::spawn(async move {
            let reading = call.run(place.component.contract.get(store, place.at.clone(), key, range, opened));
            let outcome = tokio::select! {
                outcome = reading => Some(outcome),
                () = completion.abandoned() => None,
            };
            if let Some(outcome) = outcome {
                completion.end(outcome);
            }
        });
        match pipe.await {
            Ok(data) => Ok(ByteSource { data, done }),
            // It ended before it opened anything.
            Err(_) => match ByteSource::ended(done).await {
                Ok(_) => Err(Failure::internal("an object was read without being opened")),
                Err(failure) => Err(failure),
            },
        }
    }

    /// What is known of an object; `None` when there is none.
    ///
    /// # Errors
    /// The plugin's own.
    pub async fn head(&self, key: &str) -> Result<Option<Entry>> {
        let place = match &self.opened {
            Opened::Place(place) => Arc::clone(place),
            Opened::StandIn(bucket) => return bucket.head(key).await,
        };
        let (store, call) = place.prepare("head", QUESTION_DEADLINE)?;
        let key = key.to_owned();
        apart(async move { call.run(place.component.contract.head(store, place.at.clone(), key)).await }).await
    }

    /// Entries whose key starts with `prefix`, after the key `after`, at most `limit` (1 to 1000).
    ///
    /// # Errors
    /// The plugin's own.
    pub async fn list(&self, prefix: &str, after: Option<&str>, limit: u32) -> Result<Page> {
        let place = match &self.opened {
            Opened::Place(place) => Arc::clone(place),
            Opened::StandIn(bucket) => return bucket.list(prefix, after, limit).await,
        };
        let (store, call) = place.prepare("list", QUESTION_DEADLINE)?;
        let (prefix, after) = (prefix.to_owned(), after.map(str::to_owned));
        apart(
            async move { call.run(place.component.contract.list(store, place.at.clone(), prefix, after, limit)).await },
        )
        .await
    }

    /// Deletes an object; one that is not there is no error.
    ///
    /// # Errors
    /// The plugin's own.
    pub async fn delete(&self, key: &str) -> Result<()> {
        let place = match &self.opened {
            Opened::Place(place) => Arc::clone(place),
            Opened::StandIn(bucket) => return bucket.delete(key).await,
        };
        let (store, call) = place.prepare("delete", QUESTION_DEADLINE)?;
        let key = key.to_owned();
        apart(async move { call.run(place.component.contract.delete(store, place.at.clone(), key)).await }).await
    }

    /// Unfinished uploads of keys that start with `prefix`, after the last one of an earlier page; none at the end.
    ///
    /// # Errors
    /// The plugin's own.
    pub async fn unfinished(&self, prefix: &str, after: Option<&Upload>) -> Result<Vec<Upload>> {
        let place = match &self.opened {
            Opened::Place(place) => Arc::clone(place),
            Opened::StandIn(bucket) => return bucket.unfinished(prefix, after).await,
        };
        let (store, call) = place.prepare("unfinished", QUESTION_DEADLINE)?;
        let (prefix, after) = (prefix.to_owned(), after.cloned());
        apart(
            async move { call.run(place.component.contract.unfinished(store, place.at.clone(), prefix, after)).await },
        )
        .await
    }

    /// Ends an unfinished upload; one that is not there has ended already.
    ///
    /// # Errors
    /// The plugin's own.
    pub async fn abandon(&self, upload: &Upload) -> Result<()> {
        let place = match &self.opened {
            Opened::Place(place) => Arc::clone(place),
            Opened::StandIn(bucket) => return bucket.abandon(upload).await,
        };
        let (store, call) = place.prepare("abandon", QUESTION_DEADLINE)?;
        let upload = upload.clone();
        apart(async move { call.run(place.component.contract.abandon(store, place.at.clone(), upload)).await }).await
    }
}

impl Place {
    fn prepare(&self, function: &'static str, deadline: Duration) -> Result<(Store<PluginState>, Call)> {
        let egress = Some(self.egress.clone());
        self.component.sandbox.prepare(function, None, self.preopens.to_vec(), egress, deadline)
    }
}

/// A task that goes on for a while when nobody waits for it any more: a put whose source has broken off tidies up after itself, a put
/// that is cut off leaves what it has written so far.
struct Lingering<R: Send + 'static>(JoinHandle<R>);

impl<R: Send + 'static> Future for Lingering<R> {
    type Output = Result<R, JoinError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context)
    }
}

impl<R: Send + 'static> Drop for Lingering<R> {
    fn drop(&mut self) {
        if self.0.is_finished() {
            return;
        }
        let abort = self.0.abort_handle();
        // Without a runtime the process is about to end.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                tokio::time::sleep(TIDY_UP).await;
                abort.abort();
            });
        }
    }
}

/// Runs a call in a task of its own, which ends when the returned future is dropped. A method plugin that stores something is polled
/// inside its own store, and wasmtime refuses to poll one store inside another.
async fn apart<R: Send + 'static>(work: impl Future<Output = Result<R>> + Send + 'static) -> Result<R> {
    let mut task = JoinSet::new();
    task.spawn(work);
    match task.join_next().await {
        Some(Ok(outcome)) => outcome,
        Some(Err(broken)) => Err(Failure::internal(format!("a storage call broke down: {broken}"))),
        None => Err(Failure::internal("a storage call did not run")),
    }
}
