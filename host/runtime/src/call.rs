//! One call of a plugin: a fresh sandbox, raced against cancellation, deadline and quota.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bulkhead_model::{Failure, FailureKind, Result};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span};
use wasmtime::{Engine, Store, UpdateDeadline};

use crate::egress::{Egress, Requests};
use crate::grants::Grants;
use crate::limits::{ComputeClock, Limits, MemoryCap, OverCompute, OverMemory};
use crate::log::CallLog;
use crate::state::{PluginState, Replacement};
use crate::tools::ToolSet;
use crate::wasi::{self, Preopen};
use crate::{Attempt, Observer};

/// Bytes that one call of a host function may bring along: strings and lists, not streams.
const MOST_ARGUMENT_BYTES: usize = 16 << 20;

/// The most time for a call that moves no streams.
pub(crate) const QUESTION_DEADLINE: Duration = Duration::from_secs(300);

/// How often the scratch directory is measured.
const SCRATCH_LOOK: Duration = Duration::from_secs(1);

/// All that calls of one plugin have in common.
#[derive(Clone)]
pub(crate) struct Sandbox {
    pub(crate) plugin: Arc<str>,
    pub(crate) engine: Engine,
    pub(crate) limits: Limits,
    pub(crate) grants: Arc<Grants>,
    pub(crate) tools: ToolSet,
}

/// One call, before it runs.
pub(crate) struct Call {
    plugin: Arc<str>,
    log: Arc<CallLog>,
    deadline: Duration,
    cancel: CancellationToken,
    has_attempt: bool,
    scratch: Option<(PathBuf, u64)>,
    /// Of whoever prepared the call: it may run in a task of its own.
    span: Span,
}

impl Sandbox {
    /// A store for one call of `function`, and what guards it.
    pub(crate) fn prepare(
        &self,
        function: &'static str,
        attempt: Option<Attempt>,
        mut preopens: Vec<Preopen>,
        egress: Option<Egress>,
        deadline: Duration,
    ) -> Result<(Store<PluginState>, Call)> {
        let observer = attempt.as_ref().map(|attempt| -> Arc<dyn Observer> { attempt.observer.clone() });
        let log = Arc::new(CallLog::new(&self.plugin, observer, &self.limits));
        let mut call = Call {
            plugin: self.plugin.clone(),
            log: log.clone(),
            deadline: deadline.min(self.limits.deadline),
            cancel: CancellationToken::new(),
            has_attempt: attempt.is_some(),
            scratch: None,
            span: tracing::info_span!("plugin_call", plugin = &*self.plugin, function),
        };
        if let Some(attempt) = &attempt {
            call.cancel = attempt.cancel.clone();
            call.deadline = call.deadline.min(attempt.deadline);
            if self.grants.allows("scratch") {
                preopens.push(Preopen { host: attempt.scratch.clone(), guest: "/scratch".to_owned() });
                call.scratch = Some((attempt.scratch.clone(), attempt.scratch_limit));
            }
        }
        let state = PluginState {
            table: PluginState::table(),
            wasi: wasi::context(&preopens, &log)?,
            memory: MemoryCap::new(&self.limits),
            compute: ComputeClock::new(&self.limits),
            requests: Requests::new(self.plugin.clone(), egress, log.clone()),
            log,
            grants: self.grants.clone(),
            tools: self.tools.clone(),
            attempt,
            written: std::collections::HashSet::new(),
            swapped: false,
            replacement: Replacement::Forbidden,
        };
        let mut store = Store::new(&self.engine, state);
        store.set_hostcall_fuel(MOST_ARGUMENT_BYTES);
        store.limiter(|state| &mut state.memory);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|mut context| {
            context.data_mut().compute.tick()?;
            // Others on this thread run, and whoever waits for this call gets to see its deadline.
            Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now())))
        });
        Ok((store, call))
    }
}

impl Call {
    /// Runs `work`, which owns the store: when this returns, the sandbox and all that it held are gone.
    ///
    /// # Errors
    /// The plugin's own failure; `cancelled`; `unavailable` at the deadline and over the scratch limit; `trap` otherwise.
    pub(crate) async fn run<R>(self, work: impl Future<Output = wasmtime::Result<Result<R>>>) -> Result<R> {
        let Self { plugin, log, deadline, cancel, has_attempt, scratch, span } = self;
        metrics::counter!("bulkhead_plugin_starts_total", "plugin" => plugin.to_string()).increment(1);
        let outcome = tokio::select! {
            biased;
            () = cancel.cancelled() => Err(Failure::cancelled()),
            outcome = work.instrument(span) => outcome.unwrap_or_else(|error| {
                count(&plugin, &error);
                Err(explain(&plugin, &error, log.last_words()))
            }),
            () = tokio::time::sleep(deadline) => {
                limit_hit(&plugin, "deadline");
                let seconds = deadline.as_secs_f32();
                Err(Failure::unavailable(format!("plugin `{plugin}` did not end within its deadline of {seconds} s")))
            }
            failure = over_scratch(scratch) => {
                limit_hit(&plugin, "scratch");
                Err(failure)
            }
        };
        match outcome {
            // A stop reaches the plugin through everything it uses; the cause counts, not what it made of it.
            Err(_) if cancel.is_cancelled() => Err(Failure::cancelled()),
            // Nor does a plugin cancel jobs.
            Err(failure) if has_attempt && failure.kind == FailureKind::Cancelled => {
                let kind = FailureKind::Other("stopped-by-plugin".to_owned());
                Err(Failure { kind, ..failure }.context(format!("plugin `{plugin}`")))
            }
            outcome => outcome,
        }
    }
}

/// Resolves when the scratch directory holds more than it may.
async fn over_scratch(scratch: Option<(PathBuf, u64)>) -> Failure {
    let Some((path, limit)) = scratch else { return std::future::pending().await };
    loop {
        tokio::time::sleep(SCRATCH_LOOK).await;
        let path = path.clone();
        let used = tokio::task::spawn_blocking(move || disk_usage(&path)).await.unwrap_or(0);
        if used > limit {
            let hint = "raise the scratch limit, or give the plugin less to do at once";
            return Failure::unavailable(format!("scratch over its limit: {used} bytes of {limit}"))
                .with_retry(false)
                .with_hint(hint);
        }
    }
}

/// Bytes on disk below `path`. What vanishes meanwhile does not count.
fn disk_usage(path: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;

    let Ok(entries) = std::fs::read_dir(path) else { return 0 };
    let mut used = 0;
    for entry in entries.flatten() {
        let Ok(metadata) = entry.metadata() else { continue };
        used += metadata.blocks() * 512;
        if metadata.is_dir() {
            used += disk_usage(&entry.path());
        }
    }
    used
}

/// Counts what ended a call from within.
fn count(plugin: &str, error: &wasmtime::Error) {
    if error.is::<Failure>() {
        return;
    }
    if error.is::<wasmtime::PoolConcurrencyLimitError>() {
        return limit_hit(plugin, "sandboxes");
    }
    if error.is::<OverMemory>() {
        limit_hit(plugin, "memory");
    } else if error.is::<OverCompute>() {
        limit_hit(plugin, "compute");
    }
    metrics::counter!("bulkhead_plugin_traps_total", "plugin" => plugin.to_owned()).increment(1);
}

/// Counts that a plugin wanted more than it may have.
pub(crate) fn limit_hit(plugin: &str, limit: &'static str) {
    metrics::counter!("bulkhead_plugin_limits_hit_total", "plugin" => plugin.to_owned(), "limit" => limit).increment(1);
}

/// Why a call ended without an answer, in words of the plugin's user.
pub(crate) fn explain(plugin: &str, error: &wasmtime::Error, last_words: Option<String>) -> Failure {
    if let Some(failure) = error.downcast_ref::<Failure>() {
        return failure.clone();
    }
    if error.is::<wasmtime::PoolConcurrencyLimitError>() {
        return Failure::unavailable(format!("no free sandbox for plugin `{plugin}`: too many calls run at once"));
    }
    let trap =
        |cause: String| Failure::new(FailureKind::Other("trap".to_owned()), format!("plugin `{plugin}` {cause}"));
    if let Some(over) = error.downcast_ref::<OverMemory>() {
        return trap(over.to_string()).with_hint(format!("set memory under [plugins.{plugin}]"));
    }
    if let Some(over) = error.downcast_ref::<OverCompute>() {
        return trap(over.to_string()).with_hint(format!("set compute under [plugins.{plugin}]"));
    }
    let cause = error.root_cause().to_string();
    match last_words {
        Some(words) => trap(format!("trapped: {cause}; its last words: {words}")),
        None => trap(format!("trapped: {cause}")),
    }
}
