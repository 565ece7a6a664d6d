//! Lets the catalog forget what nobody needs any more, a bounded part at a time: a reconciler, woken by time, without memory.

use std::sync::Arc;

use bulkhead_model::Result;
use metrics::counter;

use crate::engine::Inner;

/// Rows removed in one transaction.
const BATCH: u32 = 1000;
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
    let (keys, deliveries, events) =
        (now.minus(config.idempotency_keys), now.minus(config.deliveries), now.minus(config.job_events));
    count("idempotency_key", catalog.forget_idempotency_keys(keys).await?);
    repeat("delivery", || catalog.prune_deliveries(deliveries, BATCH)).await?;
    repeat("job_event", || catalog.prune_events(events, BATCH)).await
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
