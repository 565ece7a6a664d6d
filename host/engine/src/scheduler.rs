//! Lets schedules fire: a reconciler, woken by time and by changes, whose state is in the catalog. Every host runs one; the catalog
//! gives each due time to one of them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bulkhead_catalog::{FireOutcome, Fired};
use bulkhead_model::{Result, Timestamp};
use metrics::{counter, histogram};

use crate::engine::Inner;

/// How long a schedule that another host was told of may go unseen.
const LOOK: Duration = Duration::from_millis(500);
/// Between two looks at a catalog that does not answer.
const PAUSE: Duration = Duration::from_secs(2);
/// Longer than any notice of a webhook waits to be tried again.
const DELIVERY_WAIT: Duration = Duration::from_hours(24);
/// Between two looks for what a wrong clock has put off, unless the clock is seen to go back.
const MEND: Duration = Duration::from_mins(1);
/// By how much the clock of this host may differ from that of the catalog's database before it mends nothing.
const DIFFERENCE: Duration = Duration::from_mins(1);
/// Schedules fired in one call: none of its transactions may last long.
const BATCH: u32 = 100;

/// Works until aborted; what is due then fires on another host, or at the next start.
pub(crate) async fn run(engine: Arc<Inner>) {
    let mut clock = Watch::default();
    loop {
        if clock.wants_a_look(engine.clock.now())
            && let Err(failure) = mend(&engine).await
        {
            tracing::warn!(error = %failure, "what a wrong clock may have put off cannot be looked at; trying again");
        }
        let pause = match look(&engine).await {
            Ok(pause) => pause,
            Err(failure) => {
                tracing::warn!(error = %failure, "schedules cannot be looked at; trying again");
                PAUSE
            }
        };
        // Also a clock that was wrong for no longer than this look.
        clock.latest = clock.latest.max(Some(engine.clock.now()));
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = engine.schedules_changed.notified() => {}
        }
    }
}

/// When to look for what a wrong clock has put off.
#[derive(Default)]
struct Watch {
    looked: Option<Instant>,
    latest: Option<Timestamp>,
}

impl Watch {
    fn wants_a_look(&mut self, now: Timestamp) -> bool {
        let back = self.latest.is_some_and(|latest| now.plus(LOOK) < latest);
        self.latest = Some(now);
        let wanted = back || self.looked.is_none_or(|looked| looked.elapsed() >= MEND);
        if wanted {
            self.looked = Some(Instant::now());
        }
        wanted
    }
}

/// Has things tried and fired at their time that a clock which was wrong has put off.
pub(crate) async fn mend(engine: &Inner) -> Result<()> {
    if let Some(theirs) = engine.catalog.database_now().await? {
        let ours = engine.clock.now();
        let difference = ours.since(theirs).max(theirs.since(ours));
        if difference > DIFFERENCE {
            tracing::warn!(
                difference_s = difference.as_secs(), catalog = %theirs, here = %ours,
                "the clock of this host differs from that of the catalog's database: set it right"
            );
            return Ok(());
        }
    }
    let job_wait = engine.config.limits.retry_after * 64 + MEND;
    let mended = engine.catalog.mend_clock(job_wait, DELIVERY_WAIT).await?;
    for (schedule, was) in &mended.schedules {
        tracing::warn!(%schedule, %was, "a schedule was due later than it should be: a clock has been wrong; planned again");
    }
    if !mended.is_empty() {
        tracing::warn!(
            jobs = mended.jobs,
            deliveries = mended.deliveries,
            targets = mended.targets,
            "what a wrong clock had put off is done now"
        );
        engine.wake();
    }
    Ok(())
}

/// Fires what is due and says when to look again.
pub(crate) async fn look(engine: &Inner) -> Result<Duration> {
    loop {
        let Some(next) = engine.catalog.next_fire_at().await? else { return Ok(LOOK) };
        let ahead = next.since(engine.clock.now());
        if !ahead.is_zero() {
            return Ok(ahead.min(LOOK));
        }
        let fired = engine.catalog.fire_due(BATCH, engine.config.limits.attempts_max).await?;
        // Others were faster.
        if fired.is_empty() {
            return Ok(LOOK);
        }
        let started = fired.iter().filter(|fired| tell(fired)).count();
        if started > 0 {
            engine.wake();
        }
    }
}

/// Answers whether there is something to run now.
fn tell(fired: &Fired) -> bool {
    let Fired { schedule, due, lateness, outcome } = fired;
    let word = match outcome {
        FireOutcome::Started { backup, job } => {
            tracing::info!(
                schedule = %schedule.id, organization = %schedule.organization, service = %schedule.service,
                method = %schedule.method, %due, lateness_ms = lateness.as_millis(), job = %job.id, backup = %backup.id,
                "a schedule has fired"
            );
            histogram!("bulkhead_schedule_lag_seconds").record(lateness.as_secs_f64());
            "started"
        }
        FireOutcome::Coalesced => {
            tracing::info!(schedule = %schedule.id, service = %schedule.service, %due, "its last job still waits: no second one is made");
            "coalesced"
        }
        FireOutcome::Missed => {
            tracing::warn!(
                schedule = %schedule.id, service = %schedule.service, %due, lateness_ms = lateness.as_millis(),
                "a due time was missed"
            );
            "missed"
        }
    };
    counter!("bulkhead_schedules_fired_total", "outcome" => word).increment(1);
    matches!(outcome, FireOutcome::Started { .. })
}

#[cfg(test)]
mod tests {
    use bulkhead_catalog::JobFilter;
    use bulkhead_model::JobState;

    use crate::scene::{Scene, acme, until};
    use std::time::Duration;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_clock_that_was_a_year_ahead_keeps_no_schedule_and_no_job_waiting() {
        const YEAR: Duration = Duration::from_hours(24 * 365);
        let scene = Scene::start(|_| ()).await;
        let schedule = scene.schedule("20 * * * *", None).await;
        let planned = schedule.next_due_at;
        let of_it = async || scene.catalog.schedule(&acme(), schedule.id).await.unwrap();
        scene.clock.advance(YEAR);
        until("the schedule is planned by the wrong clock", async || {
            (of_it().await.next_due_at > planned).then_some(())
        })
        .await;
        // A job of that time, which waits.
        let job = scene.ask().await;
        scene.clock.set_back(YEAR);
        until("the schedule is planned again", async || (of_it().await.next_due_at == planned).then_some(())).await;
        let run_after = async || scene.catalog.job(&acme(), &job).await.unwrap().run_after;
        until("the job is due", async || (run_after().await <= scene.now()).then_some(())).await;
        scene.succeed().await;
        // It fires at its time, once.
        scene.clock.advance(Duration::from_secs(90));
        let fired = until("the schedule fires", async || {
            let schedule = of_it().await;
            (schedule.fires > 0).then_some(schedule)
        });
        assert_eq!(fired.await.fires, 1);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_schedule_fires_when_its_time_comes_and_what_is_too_late_is_told() {
        let scene = Scene::start(|_| ()).await;
        // At 17:18:30.
        let schedule = scene.schedule("20 * * * *", None).await;
        let jobs = async || scene.catalog.jobs(&acme(), &JobFilter::default()).await.unwrap().0;
        scene.clock.advance(Duration::from_secs(89));
        // Longer than between two looks: nothing may come of it.
        tokio::time::sleep(super::LOOK * 2).await;
        assert!(jobs().await.is_empty());
        scene.clock.advance(Duration::from_secs(1));
        let made = until("the schedule fires", async || jobs().await.pop()).await;
        assert_eq!((made.schedule, made.state), (Some(schedule.id), JobState::Scheduled));
        scene.succeed().await;

        // Three times pass while nobody looks; it says `skip`.
        scene.clock.advance(Duration::from_hours(3) + Duration::from_mins(5));
        let after = until("the times are missed", async || {
            let schedule = scene.catalog.schedule(&acme(), schedule.id).await.unwrap();
            (schedule.misses > 0).then_some(schedule)
        });
        let after = after.await;
        assert_eq!((after.fires, after.misses), (1, 1));
        assert!(after.next_fire_at.unwrap() > scene.now());
        assert_eq!(jobs().await.len(), 1);
    }
}
