//! Hears what an attempt says of itself: into the trace at once, into the catalog with the next heartbeat.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use bulkhead_catalog::{Attempt as AttemptRow, Catalog, Job};
use bulkhead_model::{AttemptId, JobId};
use bulkhead_runtime::{Level, Observer};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::pipeline::Meter;

/// Events that may wait for the next heartbeat; the runtime caps what a plugin may say besides.
const QUEUE: usize = 4096;

/// The observer of one attempt.
pub(crate) struct AttemptObserver {
    job: JobId,
    attempt: AttemptId,
    meter: Arc<Meter>,
    expected: AtomicU64,
    state: Mutex<State>,
    phase_changed: Notify,
}

#[derive(Default)]
struct State {
    phase: Option<String>,
    waiting: Vec<(&'static str, Value)>,
    dropped: u64,
}

impl AttemptObserver {
    pub fn new(job: &Job, attempt: &AttemptRow, meter: Arc<Meter>) -> Self {
        Self {
            job: job.id.clone(),
            attempt: attempt.id.clone(),
            meter,
            expected: AtomicU64::new(0),
            state: Mutex::default(),
            phase_changed: Notify::new(),
        }
    }

    /// A line for people, of the host itself.
    pub fn warn(&self, message: &str) {
        self.log(Level::Warn, message, &[]);
    }

    pub fn current_phase(&self) -> Option<String> {
        self.state.lock().ok().and_then(|state| state.phase.clone())
    }

    /// Waits for the next phase, so that it is told when it begins and not with the next heartbeat.
    pub async fn phase_changed(&self) {
        self.phase_changed.notified().await;
    }

    pub fn expected_bytes(&self) -> Option<u64> {
        match self.expected.load(Ordering::Relaxed) {
            0 => None,
            bytes => Some(bytes),
        }
    }

    /// Writes what has been said since the last time into the catalog.
    pub async fn drain(&self, catalog: &Catalog) {
        let (events, dropped) = match self.state.lock() {
            Ok(mut state) => (std::mem::take(&mut state.waiting), std::mem::take(&mut state.dropped)),
            Err(_) => return,
        };
        let lost =
            (dropped > 0).then(|| ("log", json!({"level": "warn", "message": format!("{dropped} events dropped")})));
        for (kind, body) in events.into_iter().chain(lost) {
            if let Err(failure) = catalog.append_event(&self.job, Some(&self.attempt), kind, &body).await {
                tracing::warn!(attempt = %self.attempt, error = %failure, "events could not be recorded");
                return;
            }
        }
    }

    fn push(&self, kind: &'static str, body: Value) {
        let Ok(mut state) = self.state.lock() else { return };
        if state.waiting.len() < QUEUE {
            state.waiting.push((kind, body));
        } else {
            state.dropped += 1;
        }
    }
}

impl Observer for AttemptObserver {
    fn log(&self, level: Level, message: &str, fields: &[(String, String)]) {
        let word = match level {
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
        };
        let fields: serde_json::Map<String, Value> =
            fields.iter().map(|(key, value)| (key.clone(), Value::String(value.clone()))).collect();
        tracing::debug!(attempt = %self.attempt, level = word, fields = %json!(fields), "{message}");
        self.push("log", json!({ "level": word, "message": message, "fields": fields }));
    }

    fn phase(&self, name: &str) {
        tracing::info!(attempt = %self.attempt, phase = name, "phase begins");
        if let Ok(mut state) = self.state.lock() {
            state.phase = Some(name.to_owned());
        }
        let bytes = self.meter.plain_bytes();
        self.push("phase", json!({ "phase": name, "plain_bytes": bytes }));
        self.phase_changed.notify_one();
    }

    fn expect(&self, plain_bytes: u64) {
        self.expected.store(plain_bytes, Ordering::Relaxed);
    }
}
