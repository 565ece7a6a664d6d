//! What the engine is told at start. The binary builds it from `bulkhead.toml`.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use bulkhead_model::{Expression, Method, OrganizationId, RetentionPolicy, ServiceId, TargetId, Zone};
use bulkhead_runtime::Connection;
use bulkhead_surrealdb::{Scope, Server};

use crate::front_door::FrontDoors;

/// All that one host knows from its configuration.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// This host's name in leases; stays the same over restarts.
    pub host: String,
    /// Where scratch directories are made (`<data_dir>/scratch/<attempt>`).
    pub data_dir: PathBuf,
    /// Where drills and partial restores have their data; `None` is `drills` in `data_dir`.
    pub drill_dir: Option<PathBuf>,
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
    /// Jobs that may run at the same time on all hosts together.
    pub job_limits: JobLimits,
    /// The backup that each service gets by itself, unless its own section says otherwise.
    pub automatic: AutomaticConfig,
    /// When backups are restored to prove that they can be, unless a service's own section says otherwise.
    pub drills: DrillConfig,
    /// Who is told what happened.
    pub webhooks: WebhookConfig,
    /// What the catalog forgets after a while.
    pub housekeeping: HousekeepingConfig,
    /// What stands before services that others write to while they are restored.
    pub front_doors: FrontDoors,
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
    /// How long a server may take to shut down.
    pub stop_deadline: Duration,
    /// Which backups of each method are kept, where their schedule does not say; `None` keeps all.
    pub retention: Option<RetentionPolicy>,
    /// The backup that the service gets by itself; `None` takes [`EngineConfig::automatic`].
    pub automatic: Option<AutomaticConfig>,
    /// When its backups are drilled; `None` takes [`EngineConfig::drills`].
    pub drills: Option<DrillConfig>,
    /// The age of the last good backup, of whatever method, from which on somebody is told; `None` never tells.
    pub max_age: Option<Duration>,
    /// Configuration of the plugin that serves a method, by method.
    pub methods: BTreeMap<Method, serde_json::Value>,
    /// For engine `surrealdb`: the server, as the host itself asks it.
    pub surrealdb: Option<Server>,
    /// What of the server the service is.
    pub scope: ServiceScope,
    /// Directory of the migrations that are run again after a restore or reset.
    pub migrations: Option<PathBuf>,
}

/// What of a SurrealDB server a service is: one database, all of a namespace, or all that the server holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceScope {
    /// `None` is every namespace.
    pub namespace: Option<String>,
    /// `None` is every database.
    pub database: Option<String>,
}

impl ServiceScope {
    /// The database, when it is one.
    pub fn database(&self) -> Option<Scope> {
        let (namespace, database) = (self.namespace.clone()?, self.database.clone()?);
        Some(Scope { namespace, database })
    }

    /// Puts the names into a method's configuration that has none.
    pub fn fill(&self, config: &mut serde_json::Value) {
        let Some(config) = config.as_object_mut() else { return };
        for (key, name) in [("namespace", &self.namespace), ("database", &self.database)] {
            if let Some(name) = name {
                config.entry(key).or_insert_with(|| name.clone().into());
            }
        }
    }
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
    /// In the plugin's own form.
    pub credentials: Option<SecretText>,
    /// Only for this organization; `None` for all (managed storage).
    pub organization: Option<OrganizationId>,
}

/// Keys of the byte path.
#[derive(Clone, Debug, Default)]
pub struct EncryptionConfig {
    /// To whom artifacts are encrypted.
    pub to: EncryptTo,
    /// To whom those of an organization are, instead.
    pub organizations: BTreeMap<OrganizationId, EncryptTo>,
    /// To whom those in a target are, instead.
    pub targets: BTreeMap<TargetId, EncryptTo>,
    /// Files with age identities, for restore and verify.
    pub identities: Vec<PathBuf>,
    /// Passphrases of before, for restore and verify.
    pub old_passphrases: Vec<SecretText>,
    /// The key under which secrets in the catalog are sealed.
    pub master_key: MasterKeySource,
    /// Keys of before: what is sealed under them is sealed anew at start.
    pub old_master_keys: Vec<MasterKeySource>,
}

/// To whom artifacts are encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EncryptTo {
    /// age recipients (`age1...`); none stores artifacts in the clear.
    Recipients(Vec<String>),
    /// Whoever knows this passphrase.
    Passphrase(SecretText),
}

impl Default for EncryptTo {
    fn default() -> Self {
        Self::Recipients(Vec::new())
    }
}

/// Where the master key comes from. Every host on one catalog needs the same key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum MasterKeySource {
    /// `master.key` in the data directory, made at the first start.
    #[default]
    DataDir,
    /// This file, made when it is missing.
    File(PathBuf),
    /// The key itself, 32 bytes in base64 or hexadecimal, e.g. from the environment.
    Given(SecretText),
}

/// A secret as text, never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(String);

impl SecretText {
    /// Takes charge of a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(..)")
    }
}

/// The backup that a service gets by itself: a schedule made at the first start, which an administrator may change or delete like
/// any other. A deleted one is not made again.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AutomaticConfig {
    /// When; `None` makes none.
    pub expression: Option<Expression>,
    /// The time zone of `expression` and of the retention's days.
    pub zone: Zone,
    /// Spreads the services over this time after the hour.
    pub jitter: Duration,
    /// Which of its backups are kept; `None` leaves it to the service.
    pub retention: Option<RetentionPolicy>,
}

/// When backups are restored into a throw-away server, to prove that they can be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DrillConfig {
    /// Each backup that restores, as soon as it is made.
    pub after_backup: bool,
    /// When the newest good backup is drilled; `None` never.
    pub expression: Option<Expression>,
    /// The time zone of `expression`.
    pub zone: Zone,
}

/// How many jobs may run at the same time on all hosts together. The host that starts last decides: give all hosts the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobLimits {
    /// For each organization that `organizations` does not name; `None` sets no limit.
    pub per_organization: Option<u32>,
    /// For each target that `targets` does not name.
    pub per_target: Option<u32>,
    /// For each service that `services` does not name.
    pub per_service: Option<u32>,
    /// For single organizations.
    pub organizations: BTreeMap<OrganizationId, u32>,
    /// For single targets.
    pub targets: BTreeMap<TargetId, u32>,
    /// For single services.
    pub services: BTreeMap<ServiceId, u32>,
}

/// How notices are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookConfig {
    /// Host names and addresses to which notices may go although they are private, e.g. `127.0.0.1`, `hooks.internal`.
    pub allow_private_hosts: Vec<String>,
    /// The most time for one delivery, from the name's resolution to the answer.
    pub deadline: Duration,
    /// Deliveries that this host makes at the same time.
    pub max_sending: usize,
    /// How often the catalog is asked for notices when nothing wakes the sender.
    pub poll: Duration,
}

impl Default for WebhookConfig {
    fn default() -> Self {
        Self {
            allow_private_hosts: Vec::new(),
            deadline: Duration::from_secs(10),
            max_sending: 8,
            poll: Duration::from_secs(2),
        }
    }
}

/// What the catalog forgets after a while. Backups that are there, restores and the audit trail are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HousekeepingConfig {
    /// How long a request can be repeated under its idempotency key.
    pub idempotency_keys: Duration,
    /// Notices that were delivered or given up.
    pub deliveries: Duration,
    /// Log lines and phases of jobs that have ended.
    pub job_events: Duration,
    /// Jobs that have ended, with their attempts, and backups that were deleted, failed or were cancelled; never before the keys of
    /// requests.
    pub ended: Duration,
    /// How often it is looked at.
    pub every: Duration,
}

impl Default for HousekeepingConfig {
    fn default() -> Self {
        Self {
            idempotency_keys: Duration::from_hours(24),
            deliveries: Duration::from_hours(7 * 24),
            job_events: Duration::from_hours(30 * 24),
            ended: Duration::from_hours(90 * 24),
            every: Duration::from_mins(10),
        }
    }
}

/// Bounds and intervals.
#[derive(Clone, Debug)]
pub struct EngineLimits {
    /// Jobs that run at the same time on this host.
    pub max_running_jobs: usize,
    /// Archives of logs without end that run at the same time on this host, besides.
    pub max_running_archives: usize,
    /// The most wall-clock time of one attempt.
    pub attempt_deadline: Duration,
    /// How long a lease lasts without a heartbeat. The same on all hosts of one catalog.
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
    /// Bytes of memory for the data of a throw-away server.
    pub throw_away_memory: u64,
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
            max_running_archives: 64,
            attempt_deadline: Duration::from_hours(24),
            lease: Duration::from_secs(30),
            heartbeat: Duration::from_secs(2),
            poll: Duration::from_secs(1),
            attempts_max: 3,
            retry_after: Duration::from_secs(30),
            scratch_bytes: 1 << 30,
            throw_away_memory: 256 << 20,
            compression_level: 3,
            compression_threads: 0,
            sweep_grace: Duration::from_hours(24),
            sweep_every: Duration::from_hours(1),
        }
    }
}
