//! Decides what runs. Owns the running attempts of this host; executors do the work and report by ending.

pub(crate) mod watch;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bulkhead_model::{JobId, ServiceId};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tracing::Instrument;

use crate::engine::Inner;
use crate::executor::{self, StopCause, Stopper};

/// What the dispatcher is told.
pub(crate) enum Order {
    /// Look at the queue now.
    Wake,
    /// Stop this job if it runs here.
    Cancel(JobId),
    /// Claim no more; end within the bound.
    Shutdown { bound: Duration },
}

/// Works on the queue until told to shut down.
pub(crate) async fn run(engine: Arc<Inner>, mut inbox: mpsc::UnboundedReceiver<Order>) {
    let services: Vec<ServiceId> =
        engine.services.keys().filter(|id| !engine.blocked.contains_key(*id)).cloned().collect();
    let mut running: JoinSet<JobId> = JoinSet::new();
    let mut stoppers: HashMap<JobId, Stopper> = HashMap::new();
    let mut poll = tokio::time::interval(engine.config.limits.poll);
    poll.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let bound = loop {
        tokio::select! {
            order = inbox.recv() => match order {
                Some(Order::Wake) => claim(&engine, &services, &mut running, &mut stoppers).await,
                Some(Order::Cancel(job)) => {
                    if let Some(stopper) = stoppers.get(&job) {
                        stopper.stop(StopCause::Requested);
                    }
                }
                Some(Order::Shutdown { bound }) => break bound,
                None => break Duration::ZERO,
            },
            Some(ended) = running.join_next() => {
                forget(&mut stoppers, ended);
                claim(&engine, &services, &mut running, &mut stoppers).await;
            }
            _ = poll.tick() => {
                claim(&engine, &services, &mut running, &mut stoppers).await;
            }
        }
    };
    wind_down(running, stoppers, bound).await;
}

async fn claim(
    engine: &Arc<Inner>,
    services: &[ServiceId],
    running: &mut JoinSet<JobId>,
    stoppers: &mut HashMap<JobId, Stopper>,
) {
    let limits = &engine.config.limits;
    while running.len() < limits.max_running_jobs {
        match engine.catalog.claim(&engine.config.host, services, limits.lease).await {
            Ok(Some((job, attempt))) => {
                let stopper = Stopper::default();
                stoppers.insert(job.id.clone(), stopper.clone());
                let span = executor::span(&job, &attempt);
                running.spawn(executor::run(Arc::clone(engine), job, attempt, stopper).instrument(span));
            }
            Ok(None) => return,
            Err(failure) => {
                tracing::warn!(error = %failure, "the queue cannot be read; trying again");
                return;
            }
        }
    }
}

fn forget(stoppers: &mut HashMap<JobId, Stopper>, ended: Result<JobId, tokio::task::JoinError>) {
    match ended {
        Ok(job) => {
            stoppers.remove(&job);
        }
        // The lease of the attempt runs out by itself, and the job is tried again.
        Err(error) => tracing::error!(%error, "an executor panicked"),
    }
}

async fn wind_down(mut running: JoinSet<JobId>, stoppers: HashMap<JobId, Stopper>, bound: Duration) {
    if tokio::time::timeout(bound, async { while running.join_next().await.is_some() {} }).await.is_ok() {
        return;
    }
    for stopper in stoppers.values() {
        stopper.stop(StopCause::Shutdown);
    }
    let grace = Duration::from_secs(20);
    if tokio::time::timeout(grace, async { while running.join_next().await.is_some() {} }).await.is_err() {
        tracing::error!(left = running.len(), "attempts did not end; their leases will run out");
        running.abort_all();
    }
}
