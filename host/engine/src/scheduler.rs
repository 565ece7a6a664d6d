//! Lets schedules fire: a reconciler, woken by time and by changes, whose state is in the catalog. Every host runs one; the catalog
//! gives each due time to one of them.

use std::sync::Arc;
use std::time::Duration;

use bulkhead_catalog::{FireOutcome, Fired};
use bulkhead_model::Result;
use metrics::{counter, histogram};

use crate::engine::Inner;

/// How long a schedule that another host was told of may go unseen.
const LOOK: Duration = Duration::from_millis(500);
/// Between two looks at a catalog that does not answer.
const PAUSE: Duration = Duration::from_secs(2);
/// Schedules fired in one call: none of its transactions may last long.
const BATCH: u32 = 100;

/// Works until aborted; what is due then fires on another host, or at the next start.
pub(crate) async fn run(engine: Arc<Inner>) {
    loop {
        let pause = match look(&engine).await {
            Ok(pause) => pause,
            Err(failure) => {
                tracing::warn!(error = %failure, "schedules cannot be looked at; trying again");
                PAUSE
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = engine.schedules_changed.notified() => {}
        }
    }
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
