//! What a front door does without being asked: prepares the replica, brings events into it, lets go of who has fallen silent.

use std::sync::Arc;
use std::time::Duration;

use bulkhead_model::Result;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use crate::gate::{Phase, Purpose};
use crate::gateway::Inner;
use crate::replica::{Replica, STEP_BYTES, STEP_EVENTS};

/// Pause after a failed try to prepare the replica, or to write into it.
const PAUSE: Duration = Duration::from_secs(5);
/// Silence is looked for this many times within the time after which it counts.
const LOOKS: u32 = 6;

/// Looks at the replica, copies main into it if it is none, and opens. Again and again until that succeeds, or a restore begins.
pub(crate) async fn prepare(inner: Arc<Inner>) {
    loop {
        let prepared = {
            let mut replica = inner.replica.lock().await;
            match inner.gate.phase() {
                Phase::Preparing { .. } => prepare_once(&inner, &mut replica).await,
                Phase::Open | Phase::Restoring { .. } => return,
            }
        };
        match prepared {
            Ok(()) => {
                inner.gate.change(|phase| {
                    if let Phase::Preparing { .. } = phase {
                        *phase = Phase::Open;
                    }
                });
                return;
            }
            Err(failure) => {
                tracing::warn!(service = inner.config.service, %failure, "the replica is not there yet");
                inner.gate.change(|phase| {
                    if let Phase::Preparing { trouble, .. } = phase {
                        *trouble = Some(failure.to_string());
                    }
                });
                sleep(PAUSE).await;
            }
        }
    }
}

async fn prepare_once(inner: &Arc<Inner>, replica: &mut Replica) -> Result<()> {
    let position = inner.position.read()?;
    if position.copied && replica.is_there().await? {
        return Ok(());
    }
    tracing::info!(service = inner.config.service, "copying the main database into the replica");
    replica.copy_main().await?;
    inner.refused(replica.refused());
    inner.write_position(true, position.applied).await?;
    tracing::info!(service = inner.config.service, "the replica is a copy of the main database");
    Ok(())
}

/// Brings events into the replica at intervals, or earlier when many wait.
pub(crate) async fn apply(inner: Arc<Inner>) {
    let mut ticks = interval(inner.config.limits.apply_every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = inner.flow.pressing.notified() => {}
        }
        let applied = {
            let mut replica = inner.replica.lock().await;
            // Asked under the lock: whoever bootstraps froze the replica while holding it.
            match inner.gate.enter(Purpose::Work) {
                Ok(_pass) if !inner.flow.frozen(None) => apply_all(&inner, &mut replica).await,
                _ => continue,
            }
        };
        if let Err(failure) = applied {
            tracing::warn!(service = inner.config.service, %failure, "events could not be brought into the replica");
            inner.trouble(Some(failure.to_string()));
            sleep(PAUSE.min(inner.config.limits.apply_every * 10)).await;
        } else {
            inner.trouble(None);
        }
    }
}

/// Brings in what waits now.
///
/// # Errors
/// `unavailable` when replica or disk fail; what is in is in.
pub(crate) async fn apply_all(inner: &Arc<Inner>, replica: &mut Replica) -> Result<()> {
    let until = inner.writer.last();
    loop {
        let batch = inner.flow.next_batch(STEP_EVENTS, STEP_BYTES);
        let Some(last) = batch.last().map(|event| event.sequence).filter(|_| batch[0].sequence <= until) else {
            return Ok(());
        };
        replica.apply(&batch).await?;
        inner.refused(replica.refused());
        inner.write_position(true, last).await?;
        inner.flow.applied(last);
        inner.shorten_log(last).await;
        if inner.gate.phase() != Phase::Open {
            // Whoever closes waits for this. What is left keeps.
            return Ok(());
        }
    }
}

/// The same before a bootstrap, for as long as whoever registers waits for an answer.
pub(crate) async fn apply_before_bootstrap(inner: &Arc<Inner>, replica: &mut Replica, within: Duration) {
    let outcome = timeout(within, apply_all(inner, replica)).await;
    let trouble = match outcome {
        Ok(Ok(())) => return,
        Ok(Err(failure)) => failure.to_string(),
        Err(_) => format!("not done within {} s", within.as_secs()),
    };
    tracing::warn!(
        service = inner.config.service,
        trouble,
        "a stream processor begins with an older replica and gets more events"
    );
}

/// Lets go of stream processors that have fallen silent.
pub(crate) async fn sweep(inner: Arc<Inner>) {
    let patience = inner.config.limits.heartbeat_timeout;
    let mut ticks = interval(patience / LOOKS);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        // Nobody is heard while the front door is closed.
        let Ok(_pass) = inner.gate.enter(Purpose::Report) else { continue };
        let silent: Vec<_> = {
            let flow = inner.flow.lock();
            let quiet = |since: Instant| since.elapsed() > patience;
            flow.processors.values().filter(|processor| quiet(processor.silent_since())).cloned().collect()
        };
        for processor in silent {
            tracing::warn!(service = inner.config.service, ssp = %processor.id, "a stream processor has fallen silent and is no longer registered");
            inner.flow.evict(&processor);
        }
    }
}
