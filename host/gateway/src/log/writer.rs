//! One thread writes the log: events that come while it waits for the disk share the next wait.

use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use bulkhead_model::{Failure, Result};
use tokio::sync::oneshot;

use super::Log;
use crate::backlog::Room;
use crate::config::Fsync;
use crate::event::{Change, Event};

/// Events that are written and synced together.
const BATCH_EVENTS: usize = 1024;

/// Called with what lies in the log.
type Accepted = Box<dyn FnMut(Arc<Event>, Room) + Send>;

/// Numbers events and writes them. Their order in the log is that of their numbers, and that in which they are passed on.
pub(crate) struct Writer {
    shared: Arc<Shared>,
    log: Arc<Mutex<Log>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
}

struct Queue {
    last: u64,
    waiting: Vec<Waiting>,
    stop: bool,
}

struct Waiting {
    event: Arc<Event>,
    payload: Vec<u8>,
    room: Room,
    done: oneshot::Sender<Result<u64>>,
}

impl Writer {
    /// Starts the thread. `accepted` is called with every event once it is as safe as `fsync` asks, in order.
    ///
    /// # Errors
    /// `internal` when the thread cannot be made.
    pub fn start(log: Log, fsync: Fsync, accepted: Accepted) -> Result<Self> {
        let queue = Queue { last: log.last(), waiting: Vec::new(), stop: false };
        let shared = Arc::new(Shared { queue: Mutex::new(queue), wake: Condvar::new() });
        let log = Arc::new(Mutex::new(log));
        let run = {
            let (shared, log) = (Arc::clone(&shared), Arc::clone(&log));
            move || Work { shared, log, fsync, accepted, dirty_since: None }.run()
        };
        let thread = thread::Builder::new().name("event-log".to_owned()).spawn(run);
        let thread = thread.map_err(|error| Failure::internal(format!("no thread for the event log: {error}")))?;
        Ok(Self { shared, log, thread: Mutex::new(Some(thread)) })
    }

    /// Gives a change the next number and waits until it is in the log.
    ///
    /// # Errors
    /// `unavailable` when it could not be written; it is not in the log then.
    pub async fn write(&self, change: Change, room: Room) -> Result<u64> {
        let payload = serde_json::to_vec(&change)
            .map_err(|error| Failure::internal(format!("an event cannot be written as JSON: {error}")))?;
        let (done, written) = oneshot::channel();
        {
            let mut queue = lock(&self.shared.queue);
            if queue.stop {
                return Err(stopped());
            }
            queue.last += 1;
            let event = Arc::new(Event { sequence: queue.last, change, bytes: payload.len() });
            queue.waiting.push(Waiting { event, payload, room, done });
        }
        self.shared.wake.notify_one();
        written.await.unwrap_or_else(|_| Err(stopped()))
    }

    /// The highest number given so far.
    pub fn last(&self) -> u64 {
        lock(&self.shared.queue).last
    }

    /// The log itself. Waits for the disk when it is being written: not from an asynchronous task.
    pub fn log(&self) -> MutexGuard<'_, Log> {
        lock(&self.log)
    }

    /// Writes what waits and ends the thread. Blocks.
    pub fn stop(&self) {
        lock(&self.shared.queue).stop = true;
        self.shared.wake.notify_one();
        if let Some(thread) = lock(&self.thread).take() {
            // A thread that panicked has said so.
            let _ended = thread.join();
        }
    }
}

struct Work {
    shared: Arc<Shared>,
    log: Arc<Mutex<Log>>,
    fsync: Fsync,
    accepted: Accepted,
    dirty_since: Option<Instant>,
}

impl Work {
    fn run(mut self) {
        while let Some(batch) = self.next() {
            if !batch.is_empty() {
                self.write(batch);
            }
            self.sync_when_due();
        }
        if let Err(failure) = lock(&self.log).sync() {
            tracing::error!(%failure, "the event log could not be forced to disk at the end");
        }
    }

    /// What waits; nothing when a sync is due first; `None` at the end.
    fn next(&self) -> Option<Vec<Waiting>> {
        let mut queue = lock(&self.shared.queue);
        loop {
            if !queue.waiting.is_empty() {
                let together = queue.waiting.len().min(BATCH_EVENTS);
                let rest = queue.waiting.split_off(together);
                return Some(mem::replace(&mut queue.waiting, rest));
            }
            if queue.stop {
                return None;
            }
            queue = match (self.dirty_since, self.fsync) {
                (Some(since), Fsync::Every(every)) => {
                    let left = every.saturating_sub(since.elapsed());
                    if left.is_zero() {
                        return Some(Vec::new());
                    }
                    self.shared.wake.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0
                }
                _ => self.shared.wake.wait(queue).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    fn write(&mut self, batch: Vec<Waiting>) {
        let frames: Vec<(u64, &[u8])> =
            batch.iter().map(|waiting| (waiting.event.sequence, waiting.payload.as_slice())).collect();
        let written = {
            let mut log = lock(&self.log);
            match self.fsync {
                Fsync::Always => log.append(&frames).and_then(|()| log.sync()),
                Fsync::Every(_) => log.append(&frames),
            }
        };
        match written {
            Ok(()) => {
                if let Fsync::Every(_) = self.fsync {
                    self.dirty_since.get_or_insert_with(Instant::now);
                }
                for Waiting { event, room, done, .. } in batch {
                    let sequence = event.sequence;
                    (self.accepted)(event, room);
                    // Who no longer waits for the answer has still been heard.
                    let _gone = done.send(Ok(sequence));
                }
            }
            Err(failure) => {
                tracing::error!(%failure, events = batch.len(), "events could not be written and are refused");
                for waiting in batch {
                    let _gone = waiting.done.send(Err(failure.clone()));
                }
            }
        }
    }

    fn sync_when_due(&mut self) {
        if let (Fsync::Every(every), Some(since)) = (self.fsync, self.dirty_since)
            && since.elapsed() >= every
        {
            self.dirty_since = None;
            if let Err(failure) = lock(&self.log).sync() {
                tracing::error!(%failure, "the event log could not be forced to disk: it takes nothing more");
            }
        }
    }
}

/// A panic elsewhere leaves nothing half done under these locks.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn stopped() -> Failure {
    Failure::unavailable("the host stops")
}
