//! What the engine is told at start. The binary builds it from `bulkhead.toml`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use bulkhead_model::{Method, OrganizationId, ServiceId, TargetId};
use bulkhead_runtime::Connection;

/// All that one host knows from its configuration.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// This host's name in leases; stays the same over restarts.
    pub host: String,
    /// Where scratch directories are made (`<data_dir>/scratch/<attempt>`).
    pub data_dir: PathBuf,
    /// The tenants.
    pub organizations: Vec<OrganizationId>,
    /// The services this host can reach.
    pub services: Vec<ServiceConfig>,
    /// Where artifacts are kept.
    pub targets: Vec<TargetConfig>,
    /// Keys of the byte path.
    pub encryption: EncryptionConfig,
    /// Bounds and intervals.
    pub limits: EngineLimits,
    /// For the kill tests: the fail point at which this process dies (see [`crate::failpoint`]).
    pub fail_at: Option<String>,
}

/// One database server that is backed up.
#[derive(Clone, Debug)]
pub struct ServiceConfig {
    /// Its id.
    pub id: ServiceId,
    /// Whose it is.
    pub organization: OrganizationId,
    /// `mariadb`, or what a plugin brings.
    pub engine: String,
    /// Address and credentials.
    pub connection: Connection,
    /// The server's name in backup ids.
    pub server_name: String,
    /// Its data directory, where this host can reach it; physical methods need it.
    pub data_dir: Option<PathBuf>,
    /// Command that stops the server and returns.
    pub stop: Vec<String>,
    /// Command that starts the server and returns.
    pub start: Vec<String>,
    /// How long a started server may take to answer.
    pub start_deadline: Duration,
    /// How many good backups of each method are kept; `None` keeps all.
    pub retention: Option<u32>,
    /// Configuration of the plugin that serves a method, by method.
    pub methods: BTreeMap<Method, serde_json::Value>,
}

/// One place where artifacts are kept.
#[derive(Clone, Debug)]
pub struct TargetConfig {
    /// Its id.
    pub id: TargetId,
    /// The storage plugin's name.
    pub plugin: String,
    /// Used when a request names no target.
    pub default: bool,
    /// The plugin's configuration.
    pub config: serde_json::Value,
    /// Only for this organization; `None` for all (managed storage).
    pub organization: Option<OrganizationId>,
}

/// Keys of the byte path.
#[derive(Clone, Debug, Default)]
pub struct EncryptionConfig {
    /// age recipients (`age1...`); empty stores artifacts in the clear.
    pub recipients: Vec<String>,
    /// Files with age identities, for restore and verify.
    pub identities: Vec<PathBuf>,
}

/// Bounds and intervals.
#[derive(Clone, Debug)]
pub struct EngineLimits {
    /// Jobs that run at the same time on this host.
    pub max_running_jobs: usize,
    /// The most wall-clock time of one attempt.
    pub attempt_deadline: Duration,
    /// How long a lease lasts without a heartbeat.
    pub lease: Duration,
    /// How often a running attempt renews its lease.
    pub heartbeat: Duration,
    /// How often the queue is looked at when nothing wakes it.
    pub poll: Duration,
    /// Tries of a job whose failures say `retry`.
    pub attempts_max: u32,
    /// Wait before the next try; doubles with each.
    pub retry_after: Duration,
    /// Bytes that may lie in one attempt's scratch directory.
    pub scratch_bytes: u64,
    /// zstd level, 1 to 19.
    pub compression_level: i32,
    /// zstd worker threads; 0 for one a core.
    pub compression_threads: u32,
    /// Age at which an object without a manifest is swept.
    pub sweep_grace: Duration,
    /// How often the sweep runs.
    pub sweep_every: Duration,
}

impl Default for EngineLimits {
    fn default() -> Self {
        Self {
            max_running_jobs: 4,
            attempt_deadline: Duration::from_hours(24),
            lease: Duration::from_secs(30),
            heartbeat: Duration::from_secs(2),
            poll: Duration::from_secs(1),
            attempts_max: 3,
            retry_after: Duration::from_secs(30),
            scratch_bytes: 1 << 30,
            compression_level: 3,
            compression_threads: 0,
            sweep_grace: Duration::from_hours(24),
            sweep_every: Duration::from_hours(1),
        }
    }
}
