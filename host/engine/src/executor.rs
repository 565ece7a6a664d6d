//! Does one attempt: keeps its lease alive, runs the verb, writes down how it ended.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bulkhead_catalog::{Attempt as AttemptRow, Job, Progress, Queue};
use bulkhead_model::{AttemptId, Failure, FailureKind, JobId, JobKind, JobState, Result, RetentionPolicy};
use metrics::counter;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span};

use crate::drills;
use crate::engine::Inner;
use crate::failpoint::fail_point;
use crate::observer::AttemptObserver;
use crate::pipeline::Meter;
use crate::request::VerifyLevel;
use crate::{keeper, measure, retention, swap, verb};

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

    /// From now on nothing is passed on to a target either, however long the attempt takes to stop.
    fn lose_lease(&self, meter: &Meter) {
        counter!("bulkhead_lease_losses_total").increment(1);
        meter.hold_until(std::time::Instant::now());
        self.stop(StopCause::LeaseLost);
    }

    /// Waits until the lease is lost; for ever when the attempt is stopped for another reason.
    async fn lease_lost(&self) {
        self.token.cancelled().await;
        if self.cause() != Some(StopCause::LeaseLost) {
            std::future::pending::<()>().await;
        }
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
    Restore { message: String, reached: Option<serde_json::Value> },
    Reset,
    Verify { level: VerifyLevel, damage: Option<Failure>, evidence: Vec<String> },
    Expire,
    Copy,
}

/// What every log line of an attempt says.
pub(crate) fn span(job: &Job, attempt: &AttemptRow) -> Span {
    let span = tracing::info_span!(
        "job", job = %job.id, kind = %job.kind, method = %job.method, service = %job.service,
        organization = %job.organization
    );
    tracing::info_span!(parent: &span, "attempt", attempt = %attempt.id, number = attempt.number)
}

/// Runs one attempt to its end and returns its job's id. Never fails: how it ended is in the catalog, or its lease runs out.
pub(crate) async fn run(engine: Arc<Inner>, job: Job, attempt: AttemptRow, stopper: Stopper) -> JobId {
    let id = job.id.clone();
    let meter = Arc::new(Meter::default());
    let observer = Arc::new(AttemptObserver::new(&job, &attempt, Arc::clone(&meter)));
    let scratch = engine.config.data_dir.join("scratch").join(attempt.id.as_str());
    let held_until = Instant::now() + engine.config.limits.lease;
    meter.hold_until(held_until.into_std());
    let run = Arc::new(Run { engine, job, attempt, stopper, observer, meter, scratch });
    tracing::info!(
        job = %run.job.id, attempt = %run.attempt.id, number = run.attempt.number, kind = %run.job.kind,
        service = %run.job.service, method = %run.job.method, "attempt begins"
    );
    let _nobody = run.engine.changes.send(id.clone());
    let keeper = tokio::spawn(keep_lease(Arc::clone(&run), held_until).in_current_span());
    // In a task of its own, so that a panic costs this attempt and not the lease's bookkeeping.
    let outcome = match tokio::spawn(attempt_once(Arc::clone(&run)).in_current_span()).await {
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
    measure::bytes_moved(run.job.kind, progress.plain_bytes, progress.stored_bytes);
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
        // What it has written so far is left to its successor and to the sweep.
        () = run.stopper.lease_lost(), if verb::ends_with_its_lease(run.job.kind) => {
            Err(Failure::unavailable("the lease was lost"))
        }
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

/// Renews the lease and reports progress until aborted. A lease that cannot be renewed in time is given up, by the monotonic clock:
/// it counts from before each renewal was sent, so that it ends here before it ends for those who watch it.
async fn keep_lease(run: Arc<Run>, mut held_until: Instant) {
    let limits = &run.engine.config.limits;
    let mut said = None;
    loop {
        tokio::select! {
            () = tokio::time::sleep(limits.heartbeat) => {}
            () = run.observer.phase_changed() => {}
        }
        run.observer.drain(&run.engine.catalog).await;
        let progress = run.progress();
        let sent = Instant::now();
        let beat = run.engine.catalog.heartbeat(&run.attempt.id, limits.lease, &progress);
        match tokio::time::timeout_at(held_until, beat).await {
            Ok(Ok(beat)) => {
                held_until = sent + limits.lease;
                run.meter.hold_until(held_until.into_std());
                if beat.cancel_requested {
                    run.stopper.stop(StopCause::Requested);
                }
            }
            Ok(Err(failure)) if failure.kind == FailureKind::Conflict => {
                tracing::warn!("the lease is lost; stopping");
                return run.stopper.lose_lease(&run.meter);
            }
            Ok(Err(failure)) => tracing::warn!(error = %failure, "heartbeat failed"),
            Err(_) => tracing::warn!("heartbeat timed out"),
        }
        if Instant::now() >= held_until {
            tracing::warn!("the lease could not be renewed; stopping");
            return run.stopper.lose_lease(&run.meter);
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
                Outcome::Restore { message, reached } => {
                    let recorded = catalog.finish_restore(attempt, &message, reached.as_ref()).await;
                    if recorded.is_ok() {
                        run.forget_swap();
                    }
                    recorded
                }
                Outcome::Reset => catalog.finish_reset(attempt).await,
                Outcome::Verify { level, damage, evidence } => {
                    let drilled = level == VerifyLevel::Drill;
                    catalog.finish_verify(attempt, level.as_str(), damage.as_ref(), &evidence, drilled).await
                }
                Outcome::Expire => catalog.finish_expire(attempt).await,
                Outcome::Copy => catalog.finish_copy(attempt).await,
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
    match (&written, run.job.kind) {
        (Ok((JobState::Succeeded, _)), JobKind::Backup) => {
            let _only_in_tests = fail_point("backup.recorded");
            // What goes on and on would look through months of logs each minute; the sweep does it each hour.
            if run.job.queue != Queue::Continuous {
                run.apply_retention().await;
            }
            drills::after_backup(&run.engine, &run.job).await;
        }
        (Ok((JobState::Succeeded, _)), JobKind::Restore | JobKind::Reset) => {
            keeper::after_restore(&run.engine, &run.job).await;
        }
        _ => {}
    }
    match written {
        Ok((state, failure)) => {
            match &failure {
                None => tracing::info!(job = %run.job.id, %attempt, %state, "attempt ended"),
                Some(failure) => {
                    tracing::warn!(job = %run.job.id, %attempt, %state, error = %failure, "attempt ended");
                }
            }
            if state.is_final() {
                measure::job_ended(&run.job, state, run.engine.clock.now());
                // Somebody may want to be told.
                run.engine.outbox.wake();
            }
        }
        Err(failure) => {
            tracing::error!(job = %run.job.id, %attempt, error = %failure, "how the attempt ended could not be recorded");
        }
    }
}

impl Run {
    /// After a success. What a one-time backup asked for stands, this once, for the service's own retention.
    async fn apply_retention(&self) {
        let Job { organization, service, method, .. } = &self.job;
        let applied = async {
            let asked = self.asked_retention().await?;
            retention::apply(&self.engine, organization, service, method, asked.as_ref()).await
        };
        if let Err(failure) = applied.await {
            tracing::warn!(%service, error = %failure, "retention could not be applied; the next sweep tries again");
        }
    }

    /// A recurring schedule keeps its retention itself, where it can be changed.
    async fn asked_retention(&self) -> Result<Option<RetentionPolicy>> {
        let Some(asked) = self.job.request.get("retention").filter(|asked| !asked.is_null()) else { return Ok(None) };
        let Some(schedule) = self.job.schedule else { return Ok(None) };
        match self.engine.catalog.schedule(&self.job.organization, schedule).await {
            Ok(schedule) if schedule.is_once() => RetentionPolicy::from_json(asked).map(Some),
            Ok(_) => Ok(None),
            Err(failure) if failure.kind == FailureKind::NotFound => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// The catalog knows that the restore is done: what was kept to find that out after a crash is no longer needed.
    fn forget_swap(&self) {
        let Some(service) = self.engine.services.get(&self.job.service) else { return };
        if let Err(failure) = swap::forget(service) {
            tracing::warn!(error = %failure, "the journal of a restore is left to the next restore or start");
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

    /// Waits for something that is given up, in the middle of it, when the attempt is told to stop.
    pub async fn until_stopped<R>(&self, work: impl Future<Output = Result<R>>) -> Result<R> {
        tokio::select! {
            biased;
            () = self.stopper.token.cancelled() => Err(Failure::cancelled()),
            outcome = work => outcome,
        }
    }

    /// Fails unless this attempt still holds its lease, asked right before what cannot be taken back.
    pub async fn confirm_lease(&self) -> Result<()> {
        self.lease().confirm().await
    }

    /// The attempt's lease, for who has to ask about it later.
    pub fn lease(&self) -> HeldLease {
        HeldLease {
            engine: Arc::clone(&self.engine),
            attempt: self.attempt.id.clone(),
            stopper: self.stopper.clone(),
            observer: Arc::clone(&self.observer),
            meter: Arc::clone(&self.meter),
        }
    }

    fn progress(&self) -> Progress {
        progress(&self.observer, &self.meter)
    }
}

/// The lease of an attempt.
pub(crate) struct HeldLease {
    engine: Arc<Inner>,
    attempt: AttemptId,
    stopper: Stopper,
    observer: Arc<AttemptObserver>,
    meter: Arc<Meter>,
}

impl HeldLease {
    /// Fails unless the lease is held still.
    pub async fn confirm(&self) -> Result<()> {
        if self.stopper.token.is_cancelled() {
            return Err(Failure::cancelled());
        }
        let lease = self.engine.config.limits.lease;
        let progress = progress(&self.observer, &self.meter);
        match self.engine.catalog.heartbeat(&self.attempt, lease, &progress).await {
            Ok(beat) if beat.cancel_requested => {
                self.stopper.stop(StopCause::Requested);
                Err(Failure::cancelled())
            }
            Ok(_) => Ok(()),
            Err(failure) => {
                if failure.kind == FailureKind::Conflict {
                    self.stopper.lose_lease(&self.meter);
                }
                Err(failure)
            }
        }
    }
}

fn progress(observer: &AttemptObserver, meter: &Meter) -> Progress {
    Progress {
        phase: observer.current_phase(),
        plain_bytes: meter.plain_bytes(),
        stored_bytes: meter.stored_bytes(),
        expected_bytes: observer.expected_bytes(),
    }
}
