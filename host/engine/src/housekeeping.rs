//! Lets the catalog forget what nobody needs any more, a bounded part at a time: a reconciler, woken by time, without memory.

use std::sync::Arc;

use bulkhead_model::Result;
use metrics::counter;

use crate::engine::Inner;

/// Rows removed in one transaction.
const BATCH: u32 = 1000;
/// The same of rows that others hang on.
const ROWS: u32 = 200;
/// Transactions of one round; the next round takes the rest.
const BATCHES: u32 = 50;

/// Looks now and at every interval, until aborted.
pub(crate) async fn run(engine: Arc<Inner>) {
    let mut every = tokio::time::interval(engine.config.housekeeping.every);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        if let Err(failure) = forget(&engine).await {
            tracing::warn!(error = %failure, "the catalog could not be tidied up; trying again");
        }
    }
}

pub(crate) async fn forget(engine: &Inner) -> Result<()> {
    let (now, config, catalog) = (engine.clock.now(), &engine.config.housekeeping, &engine.catalog);
    let (keys, deliveries) = (now.minus(config.idempotency_keys), now.minus(config.deliveries));
    // A request that comes again is answered with what it made.
    let ended = now.minus(config.ended.max(config.idempotency_keys));
    // Events go before their jobs.
    let events = now.minus(config.job_events).max(ended);
    count("idempotency_key", catalog.forget_idempotency_keys(keys).await?);
    repeat("delivery", || catalog.prune_deliveries(deliveries, BATCH)).await?;
    repeat("job_event", || catalog.prune_events(events, BATCH)).await?;
    repeat("job", || catalog.prune_jobs(ended, ROWS)).await?;
    let mut removed = 0;
    for _ in 0..BATCHES {
        let Some(rows) = catalog.prune_backups(ended, ROWS).await? else { break };
        removed += rows;
    }
    count("backup", removed);
    Ok(())
}

/// Until nothing is left or the round is over.
async fn repeat<F: Future<Output = Result<u64>>>(noun: &'static str, mut remove: impl FnMut() -> F) -> Result<()> {
    let mut removed = 0;
    for _ in 0..BATCHES {
        match remove().await? {
            0 => break,
            rows => removed += rows,
        }
    }
    count(noun, removed);
    Ok(())
}

fn count(noun: &'static str, rows: u64) {
    if rows > 0 {
        tracing::info!(noun, rows, "forgotten");
        counter!("bulkhead_forgotten_rows_total", "noun" => noun).increment(rows);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bulkhead_model::JobKind;

    use super::forget;
    use crate::scene::{Scene, acme, service};

    #[tokio::test(flavor = "multi_thread")]
    async fn a_deleted_backup_and_its_jobs_are_listed_for_the_time_that_is_configured() {
        let day = Duration::from_hours(24);
        let scene = Scene::start(|config| config.housekeeping.ended = 5 * day).await;
        let (kept, deleted) = (scene.backup().await, scene.backup().await);
        let expire = scene.engine.inner.new_job(&acme(), JobKind::Expire, &deleted);
        let expire = scene.catalog.schedule_job(expire).await.unwrap().value;
        let (_, attempt) = scene.catalog.claim("elsewhere", &[service().id], day).await.unwrap().unwrap();
        scene.catalog.finish_expire(&attempt.id).await.unwrap();
        for (days, there) in [(4, true), (2, false)] {
            scene.clock.advance(days * day);
            forget(&scene.engine.inner).await.unwrap();
            assert_eq!(scene.catalog.backup(&acme(), &deleted).await.is_ok(), there, "{days}");
            assert_eq!(scene.catalog.job(&acme(), &expire.id).await.is_ok(), there, "{days}");
        }
        let kept = scene.catalog.backup(&acme(), &kept).await.unwrap();
        assert!(scene.catalog.job(&acme(), &kept.job).await.is_ok());
    }
}
