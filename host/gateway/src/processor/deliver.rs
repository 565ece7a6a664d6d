//! Events to one stream processor: one after the other, each until it is taken.

use std::sync::Arc;
use std::time::Duration;

use super::call::{Caller, Delivery};
use super::{Processor, Progress, Queued};
use crate::gate::{Gate, Purpose};

const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Delivers the next event, however often that has to be tried. Answers whether nothing is left to do for now.
pub(super) async fn deliver_next(processor: &Processor, gate: &Arc<Gate>, caller: &Caller) -> bool {
    let mut pause = FIRST_PAUSE;
    while let Some(next) = processor.next() {
        // While the service is restored nothing old goes out any more.
        let pass = gate.enter_when_possible(Purpose::Report).await;
        let delivery = caller.deliver(&processor.url, &next).await;
        drop(pass);
        if processor.settle(&next, delivery) {
            return false;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
    true
}

/// Waits until something has come into the queue.
pub(super) async fn wait_for_more(processor: &Processor) {
    if processor.lock().events.is_empty() {
        processor.filled.notified().await;
    }
}

impl Processor {
    /// The event that is next. When there is none it has everything: ready, under the same lock under which events come in, so that
    /// none slips between.
    fn next(&self) -> Option<Queued> {
        let mut queue = self.lock();
        let next = queue.events.front().cloned();
        if next.is_none() && queue.progress != Progress::Overflowed {
            queue.progress = Progress::Ready;
            queue.trouble = None;
        }
        next
    }

    /// Notes what came of an event. Answers whether it is done with.
    fn settle(&self, sent: &Queued, delivery: Delivery) -> bool {
        let mut queue = self.lock();
        // The queue may have overflowed meanwhile: then it is not that event's any more.
        if queue.progress == Progress::Overflowed {
            return true;
        }
        match delivery {
            Delivery::Taken => {
                queue.events.pop_front();
                queue.bytes = queue.bytes.saturating_sub(sent.event.bytes);
                queue.trouble = None;
                true
            }
            Delivery::Refused(why) => {
                tracing::warn!(ssp = %self.id, sequence = sent.event.sequence, why, "a stream processor refuses an event and has to bootstrap again");
                queue.overflow(&why);
                true
            }
            Delivery::Failed(why) => {
                if queue.progress == Progress::Ready {
                    queue.progress = Progress::Lagging;
                    tracing::warn!(ssp = %self.id, sequence = sent.event.sequence, why, "a stream processor did not take an event, which is tried again");
                }
                queue.trouble = Some(why);
                false
            }
        }
    }
}
