//! From a registration to a stream processor that is ready, and on from there.

use std::sync::Arc;
use std::time::Duration;

use bulkhead_model::{Failure, Result};

use super::call::Caller;
use super::deliver::{deliver_next, wait_for_more};
use super::{Processor, Progress};
use crate::flow::Flow;
use crate::gate::Gate;

/// Speaks to one registered stream processor until the registration ends. Evicts it when its bootstrap fails or takes too long.
pub(crate) async fn run(
    processor: Arc<Processor>,
    flow: Arc<Flow>,
    gate: Arc<Gate>,
    caller: Caller,
    poll_every: Duration,
    within: Duration,
) {
    let begun = async {
        wait_until_ready(&processor, &caller, poll_every).await?;
        // What waits are the events after its snapshot, in order: they were put there from its registration on.
        while !deliver_next(&processor, &gate, &caller).await {}
        Ok(())
    };
    let late = || Failure::unavailable(format!("it was not ready within {} s", within.as_secs_f32()));
    if let Err(failure) = tokio::time::timeout(within, begun).await.unwrap_or_else(|_| Err(late())) {
        tracing::warn!(ssp = %processor.id, %failure, "a stream processor did not become ready and is no longer registered");
        flow.evict(&processor);
        return;
    }
    while processor.progress() != Progress::Overflowed {
        if deliver_next(&processor, &gate, &caller).await {
            wait_for_more(&processor).await;
        }
    }
}

/// Asks until it says that it has loaded what the replica held.
async fn wait_until_ready(processor: &Processor, caller: &Caller, poll_every: Duration) -> Result<()> {
    loop {
        tokio::time::sleep(poll_every).await;
        match caller.health(&processor.url).await.as_deref() {
            Ok("ready") => {
                let mut queue = processor.lock();
                if queue.progress == Progress::Bootstrapping {
                    queue.progress = Progress::Replaying;
                }
                tracing::info!(ssp = %processor.id, snapshot = processor.snapshot, events = queue.events.len(),
                    "a stream processor has loaded its snapshot");
                return Ok(());
            }
            Ok("failed") => return Err(Failure::unavailable("it says that its bootstrap failed")),
            // A sign of life, if no heartbeat.
            Ok(_) => processor.heard(None),
            Err(failure) => processor.lock().trouble = Some(failure.message.clone()),
        }
    }
}
