//! Where accepted events wait: for the replica, and for each stream processor.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bulkhead_model::{Failure, Result};
use tokio::sync::Notify;

use crate::backlog::Room;
use crate::event::Event;
use crate::processor::{Processor, Queued};

/// Events in order, and those who wait for them, under one lock: so a stream processor that registers misses none and gets none twice.
#[derive(Debug, Default)]
pub(crate) struct Flow {
    inner: Mutex<Inner>,
    /// Somebody should look at the buffer before its time.
    pub pressing: Notify,
}

#[derive(Debug, Default)]
pub(crate) struct Inner {
    /// What the replica does not have.
    pub buffer: VecDeque<(Arc<Event>, Room)>,
    /// The last event in the replica.
    pub applied: u64,
    pub processors: BTreeMap<String, Arc<Processor>>,
    /// The turn of the next job.
    turn: usize,
}

impl Flow {
    pub fn new(applied: u64) -> Self {
        Self { inner: Mutex::new(Inner { applied, ..Inner::default() }), pressing: Notify::new() }
    }

    pub fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Passes an event on that lies in the log.
    pub fn accept(&self, event: Arc<Event>, room: Room, press_at: usize) {
        let mut inner = self.lock();
        let assignee = inner.next_assignee();
        for processor in inner.processors.values() {
            processor.push(Queued { event: Arc::clone(&event), assignee: assignee.clone() });
        }
        inner.buffer.push_back((event, room));
        if inner.buffer.len() >= press_at {
            self.pressing.notify_one();
        }
    }

    /// The first events of the buffer, as many as go into one step of the replica.
    pub fn next_batch(&self, events_max: usize, bytes_max: usize) -> Vec<Arc<Event>> {
        let inner = self.lock();
        let mut bytes = 0;
        let fits = |(at, event): &(usize, &Arc<Event>)| {
            bytes += event.bytes;
            *at == 0 || bytes <= bytes_max
        };
        let events = inner.buffer.iter().map(|(event, _)| event).take(events_max);
        events.enumerate().take_while(fits).map(|(_, event)| Arc::clone(event)).collect()
    }

    /// The replica has everything up to `applied`.
    pub fn applied(&self, applied: u64) {
        let mut inner = self.lock();
        inner.applied = inner.applied.max(applied);
        while inner.buffer.front().is_some_and(|(event, _)| event.sequence <= applied) {
            inner.buffer.pop_front();
        }
    }

    /// Whether the replica must stay as it is, because somebody else than `except` loads from it.
    pub fn frozen(&self, except: Option<&str>) -> bool {
        self.lock().processors.values().any(|processor| processor.loads() && Some(&*processor.id) != except)
    }

    /// Registers a stream processor in place of one of the same name, with the events that the replica does not have.
    ///
    /// # Errors
    /// `unavailable` when there are as many as there may be.
    pub fn register(&self, most: usize, make: impl FnOnce(u64) -> Processor) -> Result<Arc<Processor>> {
        let mut inner = self.lock();
        let processor = Arc::new(make(inner.applied));
        if inner.processors.len() >= most && !inner.processors.contains_key(&*processor.id) {
            return Err(Failure::unavailable(format!(
                "{most} stream processors are registered, as many as there may be"
            )));
        }
        for (event, _) in &inner.buffer {
            processor.push(Queued { event: Arc::clone(event), assignee: None });
        }
        if let Some(former) = inner.processors.insert(processor.id.to_string(), Arc::clone(&processor)) {
            former.end();
        }
        Ok(processor)
    }

    /// Lets go of a stream processor. Another registration of the same name stays.
    pub fn evict(&self, processor: &Arc<Processor>) {
        let mut inner = self.lock();
        if inner.processors.get(&*processor.id).is_some_and(|registered| Arc::ptr_eq(registered, processor)) {
            inner.processors.remove(&*processor.id);
        }
        processor.end();
        drop(inner);
        // The replica may have stood still for it.
        self.pressing.notify_one();
    }

    /// Forgets everything. Stream processors are told to register again from now on.
    pub fn clear(&self, applied: u64) {
        let mut inner = self.lock();
        inner.buffer.clear();
        std::mem::take(&mut inner.processors).values().for_each(|processor| processor.end());
        inner.applied = applied;
    }
}

impl Inner {
    /// The one that runs the job, should the event be one: each that is ready in turn.
    fn next_assignee(&mut self) -> Option<Arc<str>> {
        let ready: Vec<&Arc<Processor>> = self.processors.values().filter(|processor| processor.is_ready()).collect();
        let chosen = ready.get(self.turn.checked_rem(ready.len())?).map(|processor| Arc::clone(&processor.id));
        self.turn = self.turn.wrapping_add(1);
        chosen
    }
}
