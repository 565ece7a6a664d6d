//! Stream processors (SSPs): who they are, what waits for them, and whether they keep up.

mod bootstrap;
mod call;
mod deliver;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use serde::Serialize;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::event::Event;

pub(crate) use bootstrap::run;
pub(crate) use call::Caller;

/// How far a stream processor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Progress {
    /// It loads from the replica, which stands still meanwhile.
    Bootstrapping,
    /// It gets the events that came meanwhile.
    Replaying,
    /// It has everything but what has just come in.
    Ready,
    /// It did not take an event, which is tried again; what comes waits behind it.
    Lagging,
    /// It missed events, and has to bootstrap again.
    Overflowed,
}

/// An event on its way to one stream processor.
#[derive(Clone, Debug)]
pub(crate) struct Queued {
    pub event: Arc<Event>,
    /// The stream processor that runs the job.
    pub assignee: Option<Arc<str>>,
}

/// One registration of a stream processor. Registering again makes another one.
#[derive(Debug)]
pub(crate) struct Processor {
    pub id: Arc<str>,
    pub url: String,
    /// The last event that the replica had when it registered.
    pub snapshot: u64,
    queue: Mutex<Queue>,
    /// Something has come into the queue.
    filled: Notify,
    events_max: usize,
    bytes_max: usize,
    task: OnceLock<AbortHandle>,
}

#[derive(Debug)]
struct Queue {
    progress: Progress,
    events: VecDeque<Queued>,
    bytes: usize,
    heard: Instant,
    /// What it says of itself.
    report: Report,
    trouble: Option<String>,
}

/// What a stream processor says of itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Report {
    pub version: String,
    pub views: u64,
    pub cpu_usage: Option<f64>,
    pub memory_usage: Option<f64>,
}

impl Processor {
    pub fn new(id: &str, url: &str, version: &str, snapshot: u64, events_max: usize, bytes_max: usize) -> Self {
        let queue = Queue {
            progress: Progress::Bootstrapping,
            events: VecDeque::new(),
            bytes: 0,
            heard: Instant::now(),
            report: Report { version: version.to_owned(), ..Report::default() },
            trouble: None,
        };
        Self {
            id: id.into(),
            url: url.trim_end_matches('/').to_owned(),
            snapshot,
            queue: Mutex::new(queue),
            filled: Notify::new(),
            events_max,
            bytes_max,
            task: OnceLock::new(),
        }
    }

    /// The task that speaks to it.
    pub fn spawned(&self, task: AbortHandle) {
        let _once = self.task.set(task);
    }

    /// Nothing more is sent.
    pub fn end(&self) {
        if let Some(task) = self.task.get() {
            task.abort();
        }
    }

    /// Puts an event behind the others. One too many, and all are let go.
    pub fn push(&self, queued: Queued) {
        let mut queue = self.lock();
        if queue.progress == Progress::Overflowed {
            return;
        }
        queue.bytes += queued.event.bytes;
        queue.events.push_back(queued);
        if queue.events.len() > self.events_max || queue.bytes > self.bytes_max {
            queue.overflow("more events came than may wait for it");
            tracing::warn!(ssp = %self.id, "a stream processor fell too far behind and has to bootstrap again");
        }
        drop(queue);
        self.filled.notify_one();
    }

    pub fn is_ready(&self) -> bool {
        self.lock().progress == Progress::Ready
    }

    /// Whether it loads from the replica.
    pub fn loads(&self) -> bool {
        self.lock().progress == Progress::Bootstrapping
    }

    pub fn progress(&self) -> Progress {
        self.lock().progress
    }

    /// It has said something.
    pub fn heard(&self, report: Option<Report>) {
        let mut queue = self.lock();
        queue.heard = Instant::now();
        if let Some(report) = report {
            queue.report = report;
        }
    }

    pub fn silent_since(&self) -> Instant {
        self.lock().heard
    }

    /// What `/status` says of it.
    pub fn describe(&self) -> Description {
        let queue = self.lock();
        Description {
            ssp_id: self.id.to_string(),
            url: self.url.clone(),
            state: queue.progress,
            waiting: queue.events.len(),
            silent_ms: u64::try_from(queue.heard.elapsed().as_millis()).unwrap_or(u64::MAX),
            report: queue.report.clone(),
            trouble: queue.trouble.clone(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn overflow(&mut self, trouble: &str) {
        self.progress = Progress::Overflowed;
        self.trouble = Some(trouble.to_owned());
        self.events = VecDeque::new();
        self.bytes = 0;
    }
}

/// A stream processor in `/status`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Description {
    ssp_id: String,
    url: String,
    state: Progress,
    waiting: usize,
    silent_ms: u64,
    #[serde(flatten)]
    report: Report,
    #[serde(skip_serializing_if = "Option::is_none")]
    trouble: Option<String>,
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::event::{Change, Operation};

    fn queued(sequence: u64, bytes: usize) -> Queued {
        let change = Change { table: "a".to_owned(), op: Operation::Create, id: "a:1".to_owned(), record: Value::Null };
        Queued { event: Arc::new(Event { sequence, change, bytes }), assignee: None }
    }

    #[test]
    fn one_event_too_many_lets_go_of_all() {
        for (events_max, bytes_max) in [(2, 1000), (1000, 250)] {
            let processor = Processor::new("a", "http://127.0.0.1:1/", "1", 0, events_max, bytes_max);
            processor.push(queued(1, 100));
            processor.push(queued(2, 100));
            assert_eq!(processor.lock().events.len(), 2);
            processor.push(queued(3, 100));
            assert_eq!(processor.progress(), Progress::Overflowed);
            processor.push(queued(4, 100));
            let queue = processor.lock();
            assert_eq!((queue.events.len(), queue.bytes), (0, 0));
        }
    }
}
