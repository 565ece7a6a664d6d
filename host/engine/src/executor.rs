//! Does one attempt: keeps its lease alive, runs the verb, writes down how it ended.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bulkhead_catalog::{Attempt as AttemptRow, Job, Progress};
use bulkhead_model::{Failure, FailureKind, JobId, JobKind, JobState, Result};
use tokio_util::sync::CancellationToken;

use crate::engine::Inner;
use crate::failpoint::fail_point;
use crate::observer::AttemptObserver;
use crate::pipeline::Meter;
use crate::{retention, verb};

/// Why an attempt was told to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StopCause {
    /// Somebody asked.
    Requested,
    /// Another host may have taken the job.
    LeaseLost,
    /// This host is going down.
    Shutdown,
    /// It took too long.
    Deadline,
}

/// Stops one attempt, once, and remembers why.
#[derive(Clone, Default)]
pub(crate) struct Stopper {
    pub token: CancellationToken,
    cause: Arc<OnceLock<StopCause>>,
}

impl Stopper {
    pub fn stop(&self, cause: StopCause) {
        let _first_wins = self.cause.set(cause);
        self.token.cancel();
    }

    pub fn cause(&self) -> Option<StopCause> {
        self.cause.get().copied()
    }
}

/// What a verb works with.
pub(crate) struct Run {
    pub engine: Arc<Inner>,
    pub job: Job,
    pub attempt: AttemptRow,
    pub stopper: Stopper,
    pub observer: Arc<AttemptObserver>,
    pub meter: Arc<Meter>,
    /// This attempt's own directory; removed when it ends.
    pub scratch: PathBuf,
}

/// What a verb leaves to be written down, in the transaction that ends the attempt.
pub(crate) enum Outcome {
    Backup(Box<bulkhead_catalog::Completed>),
    Restore { message: String },
    Verify { level: String, damage: Option<Failure> },
    Expire,
}

/// Runs one attempt to its end and returns its job's id. Never fails: how it ended is in the catalog, or its lease runs out.
pub(crate) async fn run(engine: Arc<Inner>, job: Job, attempt: AttemptRow, stopper: Stopper) -> JobId {
    let id = job.id.clone();
    let meter = Arc::new(Meter::default());
    let observer = Arc::new(AttemptObserver::new(&job, &attempt, Arc::clone(&meter)));
    let scratch = engine.config.data_dir.join("scratch").join(attempt.id.as_str());
    let run = Arc::new(Run { engine, job, attempt, stopper, observer, meter, scratch });
    tracing::info!(
        job = %run.job.id, attempt = %run.attempt.id, number = run.attempt.number, kind = %run.job.kind,
        service = %run.job.service, method = %run.job.method, "attempt begins"
    );
    let _nobody = run.engine.changes.send(id.clone());
    let keeper = tokio::spawn(keep_lease(Arc::clone(&run)));
    // In a task of its own, so that a panic costs this attempt and not the lease's bookkeeping.
    let outcome = match tokio::spawn(attempt_once(Arc::clone(&run))).await {
        Ok(outcome) => outcome,
        Err(error) => Err(Failure::internal(format!("the attempt broke down: {error}"))),
    };
    keeper.abort();
    let _aborted = keeper.await;
    run.observer.drain(&run.engine.catalog).await;
    // The last word on the bytes; a lease that is gone is found out when the outcome is written down.
    let (lease, progress) = (run.engine.config.limits.lease, run.progress());
    let last_beat = run.engine.catalog.heartbeat(&run.attempt.id, lease, &progress);
    let _renewed = tokio::time::timeout(lease, last_beat).await;
    write_down(&run, outcome).await;
    let _nobody = run.engine.changes.send(id.clone());
    run.engine.wake();
    id
}

async fn attempt_once(run: Arc<Run>) -> Result<Outcome> {
    make_private_dir(&run.scratch)?;
    let limit = run.engine.config.limits.attempt_deadline;
    let result = tokio::select! {
        result = verb::run(&run) => result,
        () = tokio::time::sleep(limit) => {
            run.stopper.stop(StopCause::Deadline);
            Err(Failure::unavailable(format!("the attempt took longer than {} s", limit.as_secs())))
        }
    };
    if let Err(error) = std::fs::remove_dir_all(&run.scratch) {
        tracing::warn!(attempt = %run.attempt.id, %error, "scratch could not be removed");
    }
    result
}

fn make_private_dir(path: &std::path::Path) -> Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new()
        .mode(0o700)
        .recursive(true)
        .create(path)
        .map_err(|error| Failure::unavailable(format!("cannot make {}: {error}", path.display())))
}

/// Renews the lease and reports progress until aborted. A lease that cannot be renewed in time is given up.
async fn keep_lease(run: Arc<Run>) {
    let limits = &run.engine.config.limits;
    let mut last_good = tokio::time::Instant::now();
    let mut said = None;
    loop {
        tokio::select! {
            () = tokio::time::sleep(limits.heartbeat) => {}
            () = run.observer.phase_changed() => {}
        }
        run.observer.drain(&run.engine.catalog).await;
        let progress = run.progress();
        let beat = run.engine.catalog.heartbeat(&run.attempt.id, limits.lease, &progress);
        match tokio::time::timeout(limits.lease, beat).await {
            Ok(Ok(beat)) => {
                last_good = tokio::time::Instant::now();
                if beat.cancel_requested {
                    run.stopper.stop(StopCause::Requested);
                }
            }
            Ok(Err(failure)) if failure.kind == FailureKind::Conflict => {
                tracing::warn!(attempt = %run.attempt.id, "the lease is lost; stopping");
                return run.stopper.stop(StopCause::LeaseLost);
            }
            Ok(Err(failure)) => tracing::warn!(attempt = %run.attempt.id, error = %failure, "heartbeat failed"),
            Err(_) => tracing::warn!(attempt = %run.attempt.id, "heartbeat timed out"),
        }
        if last_good.elapsed() > limits.lease {
            tracing::warn!(attempt = %run.attempt.id, "the lease could not be renewed; stopping");
            return run.stopper.stop(StopCause::LeaseLost);
        }
        if said.as_ref() != Some(&progress) {
            said = Some(progress);
            let _nobody = run.engine.changes.send(run.job.id.clone());
        }
    }
}

async fn write_down(run: &Run, outcome: Result<Outcome>) {
    let catalog = &run.engine.catalog;
    let attempt = &run.attempt.id;
    // A finish that the catalog did not take leaves the lease to run out; the next attempt finds what this one left.
    let written = match outcome {
        Ok(outcome) => {
            let done = match outcome {
                Outcome::Backup(completed) => catalog.finish_backup(attempt, &completed).await,
                Outcome::Restore { message } => catalog.finish_restore(attempt, &message).await,
                Outcome::Verify { level, damage } => catalog.finish_verify(attempt, &level, damage.as_ref()).await,
                Outcome::Expire => catalog.finish_expire(attempt).await,
            };
            done.map(|_| (JobState::Succeeded, None))
        }
        Err(failure) => {
            let failure = run.judge(failure);
            let limits = &run.engine.config.limits;
            let doubled = limits.retry_after * 2_u32.saturating_pow(run.attempt.number.saturating_sub(1).min(6));
            let wait = if run.stopper.cause() == Some(StopCause::Shutdown) { Duration::ZERO } else { doubled };
            let retry = failure.retry.then_some(wait);
            catalog.fail(attempt, &failure, retry).await.map(|state| (state, Some(failure)))
        }
    };
    if let (Ok((JobState::Succeeded, _)), JobKind::Backup) = (&written, run.job.kind) {
        let _only_in_tests = fail_point("backup.recorded");
        run.apply_retention().await;
    }
    match written {
        Ok((state, failure)) => match &failure {
            None => tracing::info!(job = %run.job.id, %attempt, %state, "attempt ended"),
            Some(failure) => {
                tracing::warn!(job = %run.job.id, %attempt, %state, error = %failure, "attempt ended");
            }
        },
        Err(failure) => {
            tracing::error!(job = %run.job.id, %attempt, error = %failure, "how the attempt ended could not be recorded");
        }
    }
}

impl Run {
    /// After a success, by what the request asked for or else the service's configuration.
    async fn apply_retention(&self) {
        let asked = self.job.request.get("retention").and_then(serde_json::Value::as_u64);
        let configured = self.engine.services.get(&self.job.service).and_then(|service| service.retention);
        let count = asked.and_then(|count| u32::try_from(count).ok()).or(configured);
        let Some(count) = count else { return };
        let Job { organization, service, method, .. } = &self.job;
        if let Err(failure) = retention::apply(&self.engine, organization, service, method, count).await {
            tracing::warn!(%service, error = %failure, "retention could not be applied; the next sweep tries again");
        }
    }

    fn progress(&self) -> Progress {
        Progress {
            phase: self.observer.current_phase(),
            plain_bytes: self.meter.plain_bytes(),
            stored_bytes: self.meter.stored_bytes(),
            expected_bytes: self.observer.expected_bytes(),
        }
    }

    /// What stopped an attempt counts more than what it said while it was being stopped.
    fn judge(&self, failure: Failure) -> Failure {
        match self.stopper.cause() {
            Some(StopCause::Requested) => Failure::cancelled(),
            Some(StopCause::Shutdown) => Failure::unavailable("the host was shut down"),
            Some(StopCause::LeaseLost) => Failure::unavailable("the lease was lost"),
            Some(StopCause::Deadline) | None => failure,
        }
    }

    /// Fails once the attempt was told to stop; asked between steps.
    pub fn check_stopped(&self) -> Result<()> {
        if self.stopper.token.is_cancelled() { Err(Failure::cancelled()) } else { Ok(()) }
    }

    /// Fails unless this attempt still holds its lease, asked right before what cannot be taken back.
    pub async fn confirm_lease(&self) -> Result<()> {
        self.check_stopped()?;
        let lease = self.engine.config.limits.lease;
        let beat = self.engine.catalog.heartbeat(&self.attempt.id, lease, &self.progress()).await?;
        if beat.cancel_requested {
            self.stopper.stop(StopCause::Requested);
            return Err(Failure::cancelled());
        }
        Ok(())
    }
}
