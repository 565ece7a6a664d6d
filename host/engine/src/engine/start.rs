//! What happens before a host takes work: its data directory, limits, and what an earlier process of it left.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use bulkhead_catalog::{Catalog, Scope};
use bulkhead_model::{AttemptId, Failure, Result, ServiceId};

use super::Inner;
use crate::config::{EngineConfig, ServiceConfig};
use crate::swap::{self, Recovered};

/// The limits of everything that this host's configuration names, also those that are not limited: an earlier configuration may
/// have been otherwise.
pub(super) fn job_limits(config: &EngineConfig) -> Vec<(Scope, Option<u32>)> {
    let limits = &config.job_limits;
    let organizations = config
        .organizations
        .iter()
        .map(|id| (Scope::Organization(id.clone()), limits.organizations.get(id).copied().or(limits.per_organization)));
    let targets = config.targets.iter().map(|target| {
        (Scope::Target(target.id.clone()), limits.targets.get(&target.id).copied().or(limits.per_target))
    });
    let services = config.services.iter().map(|service| {
        (Scope::Service(service.id.clone()), limits.services.get(&service.id).copied().or(limits.per_service))
    });
    organizations.chain(targets).chain(services).collect()
}

/// A name that stands for an operator's target must not stand for one of an organization: its backups would be sought in the wrong
/// place.
pub(super) async fn check_names(catalog: &Catalog, config: &EngineConfig) -> Result<()> {
    for target in &config.targets {
        if let Some(owner) = catalog.owner_of_target(&target.id).await? {
            return Err(Failure::conflict(format!(
                "organization `{owner}` has a target of its own that is called `{}`, as one [[target]] is",
                target.id
            ))
            .with_hint("give the [[target]] another id"));
        }
    }
    Ok(())
}

/// What is left to do of swaps that were interrupted.
#[derive(Default)]
pub(super) struct Interrupted {
    /// The services where it failed: the others must not wait for them.
    pub blocked: BTreeMap<ServiceId, Failure>,
    /// The services whose restored data is live, and where that could not be recorded yet.
    pub unrecorded: Vec<ServiceId>,
    /// The services where another host may be swapping, with its attempt.
    pub left: Vec<(ServiceId, AttemptId)>,
}

/// The attempts that other hosts hold.
pub(super) async fn held_elsewhere(catalog: &Catalog, host: &str) -> Result<BTreeSet<AttemptId>> {
    let leases = catalog.leases().await?;
    Ok(leases.into_iter().filter(|lease| lease.host != host).map(|lease| lease.attempt).collect())
}

/// Ends the swaps that an earlier process of this host began. A restore that turns out to be complete is recorded as such, so
/// that it is not run a second time.
///
/// # Errors
/// When the catalog cannot say which attempts other hosts hold.
pub(super) async fn end_interrupted_swaps(
    catalog: &Catalog,
    services: &BTreeMap<ServiceId, ServiceConfig>,
    host: &str,
) -> Result<Interrupted> {
    let others = held_elsewhere(catalog, host).await?;
    let mut interrupted = Interrupted::default();
    for service in services.values() {
        match swap::recover(service, &others).await {
            Ok(Some(Recovered::Finished(attempt))) => match record(catalog, service, &attempt).await {
                Ok(true) => {}
                Ok(false) => interrupted.unrecorded.push(service.id.clone()),
                Err(failure) => {
                    interrupted.blocked.insert(service.id.clone(), failure);
                }
            },
            Ok(Some(Recovered::LeftTo(attempt))) => interrupted.left.push((service.id.clone(), attempt)),
            Ok(_) => {}
            Err(failure) => {
                tracing::error!(service = %service.id, error = %failure, "the service is blocked until a person has looked");
                interrupted.blocked.insert(service.id.clone(), failure);
            }
        }
    }
    Ok(interrupted)
}

/// Records what [`end_interrupted_swaps`] could not, now that the attempts of the earlier process are over.
pub(super) async fn record_late(inner: &Inner, unrecorded: &[ServiceId]) {
    for service in unrecorded.iter().filter_map(|id| inner.services.get(id)) {
        match swap::completed(service) {
            // Should it fail again, the next attempt of the job, or the next restore of the service, finds the journal.
            Ok(Some(attempt)) => drop(record(&inner.catalog, service, &attempt).await),
            Ok(None) => {}
            Err(failure) => {
                tracing::warn!(service = %service.id, error = %failure, "a completed restore is not recorded")
            }
        }
    }
}

/// Ends swaps that were left to other hosts, once those hosts have ended them or have lost their leases.
pub(super) async fn end_left(inner: Arc<Inner>, mut left: Vec<(ServiceId, AttemptId)>) {
    while !left.is_empty() {
        tokio::time::sleep(inner.config.limits.poll).await;
        let Ok(others) = held_elsewhere(&inner.catalog, &inner.config.host).await else { continue };
        let (still, over) = left.into_iter().partition::<Vec<_>, _>(|(_, attempt)| others.contains(attempt));
        left = still;
        for (id, attempt) in over {
            let Some(service) = inner.services.get(&id) else { continue };
            match swap::end_earlier(service, &others).await {
                Ok(Some(done)) if done == attempt => drop(record(&inner.catalog, service, &attempt).await),
                Ok(_) => {}
                Err(failure) => {
                    tracing::error!(service = %id, error = %failure, "the next restore of this service tries again");
                }
            }
        }
    }
}

/// Writes down that an attempt has put its restored data in place, and removes the journal. `false` when the journal is still needed
/// because the catalog does not know yet.
async fn record(catalog: &Catalog, service: &ServiceConfig, attempt: &AttemptId) -> Result<bool> {
    if service.migrations.is_some() {
        // The job is tried again: it finds the data in place, and runs the migrations.
        let reason = "restored data was put in place, and its migrations have not run";
        match catalog.close_service_of(attempt, reason).await {
            Ok(true) => return Ok(true),
            Ok(false) => {}
            Err(failure) => {
                tracing::error!(%attempt, error = %failure, "a service without its migrations could not be closed");
                return Err(failure);
            }
        }
    }
    let message = "Restore has succeeded! It was completed when the host started again.";
    // Another host may have declared the attempt lost meanwhile; what it did is true all the same.
    match catalog.finish_recovered_restore(attempt, message).await {
        Err(failure) if failure.retry => {
            tracing::warn!(%attempt, error = %failure, "a completed restore could not be recorded yet");
            return Ok(false);
        }
        Err(failure) => {
            tracing::warn!(%attempt, error = %failure, "a completed restore could not be recorded; it runs again");
        }
        Ok(job) => tracing::info!(job = %job.id, %attempt, "a completed restore was recorded"),
    }
    if let Err(failure) = swap::forget(service) {
        tracing::warn!(%attempt, error = %failure, "the journal of a restore is left to the next restore or start");
    }
    Ok(true)
}

fn clear(directory: &Path) -> Result<()> {
    match std::fs::remove_dir_all(directory) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Failure::internal(format!("cannot clear {}: {error}", directory.display()))),
    }
}

pub(super) fn lock_data_dir(config: &EngineConfig) -> Result<File> {
    let path = config.data_dir.join("host.lock");
    let cannot = |error: &dyn std::fmt::Display| {
        Failure::invalid(format!("cannot use data directory {}: {error}", config.data_dir.display()))
            .with_hint("[server] data_dir must name a directory that this user may write")
    };
    std::fs::create_dir_all(&config.data_dir).map_err(|error| cannot(&error))?;
    let file = File::create(&path).map_err(|error| cannot(&error))?;
    file.try_lock().map_err(|_| {
        Failure::conflict(format!("another host works in {}", config.data_dir.display()))
            .with_hint("stop it, or give this one a [server] data_dir of its own")
    })?;
    Ok(file)
}

/// Attempts of an earlier process are over; what they left in scratch is worth nothing.
pub(super) fn clear_scratch(config: &EngineConfig) -> Result<()> {
    let scratch = config.data_dir.join("scratch");
    let drills = config.drill_dir.clone().unwrap_or_else(|| config.data_dir.join("drills"));
    for left in [&scratch, &config.data_dir.join("run")] {
        clear(left)?;
    }
    // Only what has an attempt's name: an operator may have chosen a directory with other things in it.
    for entry in std::fs::read_dir(&drills).into_iter().flatten().flatten() {
        if entry.file_name().to_str().is_some_and(|name| name.parse::<AttemptId>().is_ok()) {
            clear(&entry.path())?;
        }
    }
    std::fs::create_dir_all(&scratch)
        .map_err(|error| Failure::internal(format!("cannot make {}: {error}", scratch.display())))
}
