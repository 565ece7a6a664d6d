//! What one attempt of a method plugin is given to work with. The engine fills it in.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bulkhead_model::{AttemptId, BackupId, Result};
use tokio_util::sync::CancellationToken;

use crate::ByteSource;

/// How loud a log line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// For plugin authors.
    Debug,
    /// Worth reading.
    Info,
    /// Worth looking at.
    Warn,
    /// Went wrong.
    Error,
}

/// What the host keeps of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Plain bytes.
    pub plain_bytes: u64,
    /// Bytes in the target.
    pub stored_bytes: u64,
    /// BLAKE3 of the plain bytes, hexadecimal.
    pub blake3: String,
}

/// The state of the job's own server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerStatus {
    /// Whether it answers.
    pub running: bool,
    /// Bytes in its data directory.
    pub data_bytes: u64,
}

/// Takes the objects of a backup into the byte path.
#[async_trait]
pub trait ArtifactWriter: Send + Sync {
    /// Keeps one object; returns after the source has ended well and the target has confirmed.
    async fn write(&self, name: &str, media_type: &str, data: ByteSource) -> Result<Written>;
}

/// Gives the objects of a restore's chain, checked while they pass.
#[async_trait]
pub trait ArtifactReader: Send + Sync {
    /// Opens one object of one backup of the chain.
    async fn open(&self, backup: &BackupId, name: &str) -> Result<ByteSource>;
}

/// The job's own server as a process with a data directory. The one place that may replace live data.
#[async_trait]
pub trait ServerControl: Send + Sync {
    /// Whether it answers, and how much it holds.
    async fn status(&self) -> Result<ServerStatus>;
    /// Makes the staging directory (see [`Attempt::staging`]) after checking that `bytes` fit.
    async fn stage(&self, bytes: u64) -> Result<()>;
    /// Makes the directory for an increment (see [`Attempt::increment`]), empty, after checking that `bytes` fit.
    async fn stage_increment(&self, bytes: u64) -> Result<()>;
    /// Swaps staging and data directory around a restart; rolls back when the server does not answer. Returns the downtime.
    async fn swap(&self) -> Result<Duration>;
}

/// Hears when a restore begins to take away what a service holds.
#[async_trait]
pub trait Replacing: Send + Sync {
    /// The service's data goes now. When this returns well, the service counts as half restored, through restarts, until a restore of it
    /// has succeeded; when it fails, nothing is changed. Called at most once an attempt.
    async fn begin(&self) -> Result<()>;
}

/// Hears what an attempt says of itself. Calls must not block.
pub trait Observer: Send + Sync {
    /// A line for the attempt's log. Never holds a secret.
    fn log(&self, level: Level, message: &str, fields: &[(String, String)]);
    /// A phase begins.
    fn phase(&self, name: &str);
    /// The plain bytes that the attempt expects to move.
    fn expect(&self, plain_bytes: u64);
}

/// One attempt of a method plugin.
#[derive(Clone)]
pub struct Attempt {
    /// Its id, on every log line.
    pub id: AttemptId,
    /// Fires on cancel, on loss of the lease and on shutdown. Everything the attempt runs ends promptly then.
    pub cancel: CancellationToken,
    /// The most wall-clock time the attempt may take.
    pub deadline: Duration,
    /// The directory that plugin and tools see as `/scratch`; exists, empty, mode 0700. The engine removes it afterwards.
    pub scratch: PathBuf,
    /// Bytes that may lie in `scratch`.
    pub scratch_limit: u64,
    /// The directory that tools see as `/staging` once [`ServerControl::stage`] has made it.
    pub staging: Option<PathBuf>,
    /// The directory that tools see as `/increment` once [`ServerControl::stage_increment`] has made it.
    pub increment: Option<PathBuf>,
    /// The live data directory, which tools may read as `/data`.
    pub data_dir: Option<PathBuf>,
    /// How to reach the service's server. Credentials never enter the component.
    pub connection: Option<Arc<crate::Connection>>,
    /// For restores of physical backups.
    pub server: Option<Arc<dyn ServerControl>>,
    /// For restores of services that others use meanwhile; `None` where nobody does.
    pub replacing: Option<Arc<dyn Replacing>>,
    /// For backups.
    pub writer: Option<Arc<dyn ArtifactWriter>>,
    /// For restores.
    pub reader: Option<Arc<dyn ArtifactReader>>,
    /// Where log lines and phases go.
    pub observer: Arc<dyn Observer>,
}
