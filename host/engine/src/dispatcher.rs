//! Decides what runs. Owns the running attempts of this host; executors do the work and report by ending.

pub(crate) mod watch;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bulkhead_catalog::{Attempt, Job, Queue};
use bulkhead_model::{JobId, ServiceId};
use tokio::sync::mpsc;
use tokio::task::{Id, JoinError, JoinSet};
use tracing::Instrument;

use crate::config::EngineLimits;
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

/// The attempts of this host, and the slots that they take.
#[derive(Default)]
struct Slots {
    tasks: JoinSet<JobId>,
    taken: HashMap<Id, Slot>,
}

struct Slot {
    job: JobId,
    queue: Queue,
    stopper: Stopper,
}

/// Works on the queue until told to shut down.
pub(crate) async fn run(engine: Arc<Inner>, mut inbox: mpsc::UnboundedReceiver<Order>) {
    let services: Vec<ServiceId> =
        engine.services.keys().filter(|id| !engine.blocked.contains_key(*id)).cloned().collect();
    let mut slots = Slots::default();
    let mut poll = tokio::time::interval(engine.config.limits.poll);
    poll.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let bound = loop {
        tokio::select! {
            order = inbox.recv() => match order {
                Some(Order::Wake) => slots.fill(&engine, &services).await,
                Some(Order::Cancel(job)) => slots.stop(&job),
                Some(Order::Shutdown { bound }) => break bound,
                None => break Duration::ZERO,
            },
            Some(ended) = slots.tasks.join_next_with_id() => {
                slots.free(ended);
                slots.fill(&engine, &services).await;
            }
            _ = poll.tick() => {
                slots.fill(&engine, &services).await;
            }
        }
    };
    slots.wind_down(bound).await;
}

impl Slots {
    /// Claims jobs as long as there are some and a slot is free for them.
    async fn fill(&mut self, engine: &Arc<Inner>, services: &[ServiceId]) {
        let limits = &engine.config.limits;
        loop {
            let queues = with_room(self.taken.values().map(|slot| slot.queue), limits);
            if queues.is_empty() {
                return;
            }
            match engine.catalog.claim_from(&queues, &engine.config.host, services, limits.lease).await {
                Ok(Some((job, attempt))) => self.begin(engine, job, attempt),
                Ok(None) => return,
                Err(failure) => {
                    tracing::warn!(error = %failure, "the queue cannot be read; trying again");
                    return;
                }
            }
        }
    }

    fn begin(&mut self, engine: &Arc<Inner>, job: Job, attempt: Attempt) {
        let stopper = Stopper::default();
        let slot = Slot { job: job.id.clone(), queue: job.queue, stopper: stopper.clone() };
        let span = executor::span(&job, &attempt);
        let task = self.tasks.spawn(executor::run(Arc::clone(engine), job, attempt, stopper).instrument(span));
        self.taken.insert(task.id(), slot);
    }

    fn stop(&self, job: &JobId) {
        for slot in self.taken.values().filter(|slot| slot.job == *job) {
            slot.stopper.stop(StopCause::Requested);
        }
    }

    fn free(&mut self, ended: Result<(Id, JobId), JoinError>) {
        let id = match ended {
            Ok((id, _)) => id,
            // The lease of the attempt runs out by itself, and the job is tried again.
            Err(error) => {
                tracing::error!(%error, "an executor panicked");
                error.id()
            }
        };
        self.taken.remove(&id);
    }

    async fn wind_down(mut self, bound: Duration) {
        if tokio::time::timeout(bound, async { while self.tasks.join_next().await.is_some() {} }).await.is_ok() {
            return;
        }
        for slot in self.taken.values() {
            slot.stopper.stop(StopCause::Shutdown);
        }
        let grace = Duration::from_secs(20);
        if tokio::time::timeout(grace, async { while self.tasks.join_next().await.is_some() {} }).await.is_err() {
            tracing::error!(left = self.tasks.len(), "attempts did not end; their leases will run out");
            self.tasks.abort_all();
        }
    }
}

/// The queues for whose jobs a slot is free. An archive that goes on without end takes no slot of other jobs, nor they one of
/// the archives.
fn with_room(taken: impl Iterator<Item = Queue>, limits: &EngineLimits) -> Vec<Queue> {
    let (archives, jobs): (Vec<Queue>, Vec<Queue>) = taken.partition(|queue| *queue == Queue::Continuous);
    let room = |queue: &Queue| match queue {
        Queue::Urgent | Queue::Ordinary => jobs.len() < limits.max_running_jobs,
        Queue::Continuous => archives.len() < limits.max_running_archives,
    };
    Queue::ALL.into_iter().filter(room).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archives_without_end_leave_the_slots_of_other_jobs_free() {
        let limits = EngineLimits { max_running_jobs: 2, max_running_archives: 3, ..EngineLimits::default() };
        let with_room = |running: &[Queue]| with_room(running.iter().copied(), &limits);
        let (urgent, ordinary, continuous) = (Queue::Urgent, Queue::Ordinary, Queue::Continuous);
        assert_eq!(with_room(&[]), Queue::ALL);
        assert_eq!(with_room(&[continuous, continuous, ordinary]), Queue::ALL);
        assert_eq!(with_room(&[continuous, continuous, continuous, ordinary]), [urgent, ordinary]);
        assert_eq!(with_room(&[ordinary, urgent, continuous]), [continuous]);
        assert_eq!(with_room(&[ordinary, ordinary, continuous, continuous, continuous]), []);
    }
}
