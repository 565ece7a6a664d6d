//! The one place that may replace a live data directory.
//!
//! Restored data is made beside the live directory and takes its place by two renames around a restart of the server. Each step is
//! in a journal before it is made, so that a host that dies anywhere finds its way forward or back at its next start; the old
//! directory is given up only after a server has answered from the new one.

mod apart;
mod carry;
mod journal;
mod label;
mod outside;
mod ownership;
mod perform;
mod places;
mod recover;
mod server;
#[cfg(test)]
mod tests;
mod turn;

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use bulkhead_model::{AttemptId, Failure, Result};
use bulkhead_runtime::{Observer, ServerControl, ServerStatus};
use tokio::sync::Mutex;

pub use self::apart::Apart;
use self::perform::Swap;
use self::places::Places;
pub use self::recover::{Recovered, recover};
pub(crate) use self::recover::{completed, end_earlier, forget};
use self::server::{Answer, Server};
use self::turn::turn_at;
use crate::config::ServiceConfig;
use crate::failpoint::{self, FailPoints};

/// The engine whose files are known here by name.
const MARIADB: &str = "mariadb";
/// The most names that are listed one by one.
const SHOWN: usize = 20;

/// Fails unless the configuration says how to replace the service's data: its directory, and how to stop and start the server.
///
/// # Errors
/// `invalid`, naming the keys that are missing.
pub fn require_configured(service: &ServiceConfig) -> Result<()> {
    let missing: Vec<_> = [
        ("data_dir", service.data_dir.is_none()),
        ("server.stop", service.stop.is_empty()),
        ("server.start", service.start.is_empty()),
    ]
    .into_iter()
    .filter_map(|(key, missing)| missing.then_some(key))
    .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Failure::invalid(format!("a physical restore of service `{}` needs {}", service.id, missing.join(" and ")))
        .with_hint("set it in this service's [[service]] section on the host that reaches its server"))
}

/// Fails when the service's data directory could not be replaced by a swap, as things are now. Touches nothing, and blocks.
///
/// # Errors
/// Why not, and what would help.
pub fn check_possible(service: &ServiceConfig) -> Result<()> {
    let Some(data_dir) = service.data_dir.as_deref() else { return Ok(()) };
    let places = Places::new(data_dir, &AttemptId::new())?;
    places.check_same_file_system()?;
    places.check_writable()
}

/// Refuses a service whose server keeps data where a copy of the data directory would lack it, or could not bring it back. Blocks.
///
/// # Errors
/// `unsupported`, naming the table.
pub(crate) fn require_inside(service: &ServiceConfig) -> Result<()> {
    match service.data_dir.as_deref().filter(|_| service.engine == MARIADB) {
        Some(data_dir) => outside::require_inside(data_dir),
        None => Ok(()),
    }
}

/// Refuses files that were unpacked for a MariaDB server, and that name places outside of their directory. Blocks.
///
/// # Errors
/// `unsupported`, naming the table.
pub(crate) fn require_staged_inside(staging: &Path) -> Result<()> {
    outside::require_staged_inside(staging)
}

/// What a swap changes besides the data, for people. Blocks.
pub(crate) fn side_effects(service: &ServiceConfig) -> Vec<String> {
    let mut effects = Vec::new();
    let Some(data_dir) = service.data_dir.as_deref().filter(|_| service.engine == MARIADB) else { return effects };
    let linked = outside::linked_databases(data_dir);
    if !linked.is_empty() {
        effects.push(format!(
            "the directories of these databases are symbolic links; a restore puts the databases into the data directory itself and \
             leaves what the links point to as it is: {}",
            listed(&linked)
        ));
    }
    effects
}

/// What the data directory holds besides data, which a swap takes over; as a list for people, empty when there is nothing. Blocks.
pub(crate) fn taken_over(service: &ServiceConfig) -> String {
    let data_dir = service.data_dir.as_deref().filter(|_| service.engine == MARIADB);
    let extras = data_dir.and_then(|data_dir| carry::extras(data_dir).ok()).unwrap_or_default();
    listed(&extras.iter().map(|name| name.display().to_string()).collect::<Vec<_>>())
}

/// The first names, and how many more there are.
fn listed(names: &[String]) -> String {
    let shown = names.iter().take(SHOWN).map(|name| name.escape_debug().to_string()).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// Bytes that are free for a directory beside another one, if that can be told.
pub(crate) fn free_beside(directory: &Path) -> Option<u64> {
    let existing = directory.ancestors().skip(1).find(|parent| parent.is_dir())?;
    places::free_bytes(existing).ok()
}

/// Fails unless the service's server answers now.
///
/// # Errors
/// `unavailable` when it does not.
pub async fn answers(service: &ServiceConfig) -> Result<()> {
    Server::new(service).answer().await.map(drop)
}

/// The service's server in the hands of one attempt.
pub struct ServiceControl {
    swap: Arc<Swap>,
    /// Held while a swap runs, which continues when the attempt that asked for it has ended.
    turn: Arc<Mutex<()>>,
    /// How the server has answered from the restored data.
    swapped: Arc<OnceLock<Answer>>,
}

impl ServiceControl {
    /// For one attempt of a restore. Touches nothing yet.
    ///
    /// # Errors
    /// As [`require_configured`]; `invalid` when the data directory cannot be swapped where it lies.
    pub fn new(service: &ServiceConfig, attempt: &AttemptId, observer: Arc<dyn Observer>) -> Result<Self> {
        Self::with_fail_points(service, attempt, observer, failpoint::armed())
    }

    /// As [`ServiceControl::new`], with fail points of its own.
    ///
    /// # Errors
    /// As [`ServiceControl::new`].
    pub fn with_fail_points(
        service: &ServiceConfig,
        attempt: &AttemptId,
        observer: Arc<dyn Observer>,
        fail_points: FailPoints,
    ) -> Result<Self> {
        require_configured(service)?;
        let data_dir = service.data_dir.as_deref().ok_or_else(|| Failure::internal("no data directory"))?;
        let swap = Swap {
            service: service.id.clone(),
            attempt: attempt.clone(),
            mariadb: service.engine == MARIADB,
            places: Places::new(data_dir, attempt)?,
            server: Server::new(service),
            observer,
            fail_points,
        };
        let turn = turn_at(&swap.places);
        Ok(Self { swap: Arc::new(swap), turn, swapped: Arc::default() })
    }

    /// The directory that [`ServerControl::stage`] makes.
    pub fn staging(&self) -> &Path {
        &self.swap.places.staging
    }

    /// The directory that [`ServerControl::stage_increment`] makes.
    pub fn increment(&self) -> &Path {
        &self.swap.places.increment
    }

    /// Whether the restored data is live.
    pub fn swapped(&self) -> bool {
        self.swapped.get().is_some()
    }

    /// What a person has to do after a swap that has worked, as a sentence to be put after others; empty when that is nothing.
    pub fn remark(&self) -> String {
        match self.swapped.get() {
            Some(Answer::Denied) => format!(" {}", self.swap.unknown_account()),
            _ => String::new(),
        }
    }

    /// Waits for a swap that still runs and removes what was staged but not put in place.
    pub async fn close(&self) {
        let _ended = self.turn.lock().await;
        let places = &self.swap.places;
        if places.increment.exists() {
            places::remove_in_background(places.increment.clone());
        }
        // While a journal lies there, recovery decides what the staging directory is worth.
        if places.journal.exists() || !places.staging.exists() {
            return;
        }
        let staging = places.staging.clone();
        let removed = tokio::task::spawn_blocking(move || std::fs::remove_dir_all(staging)).await;
        if !matches!(removed, Ok(Ok(()))) {
            tracing::warn!(staging = %places.staging.display(), "staged data could not be removed; the next start tries again");
        }
    }
}

#[async_trait]
impl ServerControl for ServiceControl {
    async fn status(&self) -> Result<ServerStatus> {
        let running = self.swap.server.answer().await.is_ok();
        let data_dir = self.swap.places.data_dir.clone();
        let size = tokio::task::spawn_blocking(move || places::directory_bytes(&data_dir)).await;
        let data_bytes = size.map_err(|error| Failure::internal(format!("counting the data broke down: {error}")))?;
        Ok(ServerStatus { running, data_bytes })
    }

    async fn stage(&self, bytes: u64) -> Result<()> {
        let _alone = self.turn.lock().await;
        self.swap.finish_earlier()?;
        let places = &self.swap.places;
        places.check_same_file_system()?;
        places.check_space(bytes)?;
        places.make_staging()
    }

    async fn stage_increment(&self, bytes: u64) -> Result<()> {
        let _alone = self.turn.lock().await;
        let places = self.swap.places.clone();
        places.check_space(bytes)?;
        tokio::task::spawn_blocking(move || places.make_increment())
            .await
            .map_err(|error| Failure::internal(format!("making room for an increment broke down: {error}")))?
    }

    async fn swap(&self) -> Result<Duration> {
        // A task of its own: an attempt that is cancelled in the middle must not leave the server without a directory.
        let (swap, swapped) = (Arc::clone(&self.swap), Arc::clone(&self.swapped));
        let alone = Arc::clone(&self.turn).lock_owned().await;
        let task = tokio::spawn(async move {
            let _alone = alone;
            let (answer, downtime) = swap.perform().await?;
            swapped.get_or_init(|| answer);
            Ok(downtime)
        });
        task.await.unwrap_or_else(|error| Err(Failure::internal(format!("the swap broke down: {error}"))))
    }
}
