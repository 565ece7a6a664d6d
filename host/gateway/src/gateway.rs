//! A front door that runs.

use std::fs::{self, File, TryLockError};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bulkhead_model::{Failure, Result};
use bulkhead_surrealdb::Client;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinHandle};

use crate::backlog::Backlog;
use crate::config::GatewayConfig;
use crate::event::Event;
use crate::flow::Flow;
use crate::gate::{Gate, Phase};
use crate::log::{Log, Writer};
use crate::position::{Position, PositionFile};
use crate::processor::Caller;
use crate::replica::Replica;
use crate::status::Status;
use crate::{routes, serve, upkeep};

/// The most time for requests that are under way when the front door is closed, besides what each of them may take.
const CLOSING: Duration = Duration::from_secs(30);
/// How long whoever opens it waits for the first look at the replica. It opens by itself when that takes longer.
const FIRST_LOOK: Duration = Duration::from_secs(10);

/// One front door. Clones are the same one.
///
/// For a restore it is [closed](Self::close), [cleared](Self::clear) once the restored data is in place, and [opened](Self::open).
#[derive(Clone)]
pub struct Gateway(Arc<Inner>);

pub(crate) struct Inner {
    pub config: GatewayConfig,
    pub gate: Arc<Gate>,
    pub flow: Arc<Flow>,
    pub backlog: Arc<Backlog>,
    pub writer: Writer,
    pub position: PositionFile,
    pub replica: tokio::sync::Mutex<Replica>,
    /// Reads the replica beside whoever writes.
    pub reader: Client,
    pub caller: Caller,
    refused: AtomicUsize,
    replica_trouble: Mutex<Option<String>>,
    stopping: watch::Sender<bool>,
    server: Mutex<Option<JoinHandle<()>>>,
    upkeep: Mutex<Vec<AbortHandle>>,
    /// Keeps other processes out of the directory.
    directory: File,
}

impl Gateway {
    /// Starts a front door on a listener. With `closed`, the reason why, it lets nobody in until it is [opened](Self::open).
    ///
    /// # Errors
    /// `conflict` when another process has the directory; `corrupt` when acknowledged events cannot be read; `invalid`, `unavailable`.
    pub async fn start(config: GatewayConfig, listener: TcpListener, closed: Option<String>) -> Result<Self> {
        let opened = {
            let (directory, segment_bytes) = (config.directory.clone(), config.limits.segment_bytes);
            blocking(move || open_directory(&directory, segment_bytes)).await?
        };
        let replica = Replica::new(&config, &config.directory)?;
        let flow = Arc::new(Flow::new(opened.position.applied));
        let backlog = Backlog::new(config.limits.buffer_events, config.limits.buffer_bytes);
        let press_at = (config.limits.buffer_events / 2).max(1);
        let recovered = opened.events.len();
        for event in opened.events {
            let room = backlog.reserve_anyway(event.bytes);
            flow.accept(Arc::new(event), room, press_at);
        }
        let accepted = {
            let flow = Arc::clone(&flow);
            Box::new(move |event, room| flow.accept(event, room, press_at))
        };
        let phase = match closed {
            Some(reason) => Phase::Restoring { reason },
            None => Phase::Preparing { writes: opened.position.copied, trouble: None },
        };
        let inner = Arc::new(Inner {
            gate: Gate::new(phase),
            flow,
            backlog,
            writer: Writer::start(opened.log, config.fsync, accepted)?,
            position: opened.file,
            reader: replica.reader(),
            refused: AtomicUsize::new(replica.refused()),
            replica: tokio::sync::Mutex::new(replica),
            caller: Caller::new(config.token.as_ref(), config.limits.processor_deadline)?,
            replica_trouble: Mutex::new(None),
            stopping: watch::Sender::new(false),
            server: Mutex::new(None),
            upkeep: Mutex::new(Vec::new()),
            directory: opened.lock,
            config,
        });
        let served = (inner.config.service.clone(), routes::router(Arc::clone(&inner)));
        let connections = inner.config.limits.connections;
        let server = tokio::spawn(serve::serve(listener, served, connections, inner.stopping.subscribe()));
        *lock(&inner.server) = Some(server);
        let tasks = [
            tokio::spawn(upkeep::prepare(Arc::clone(&inner))).abort_handle(),
            tokio::spawn(upkeep::apply(Arc::clone(&inner))).abort_handle(),
            tokio::spawn(upkeep::sweep(Arc::clone(&inner))).abort_handle(),
        ];
        lock(&inner.upkeep).extend(tasks);
        let state = inner.gate.phase();
        tracing::info!(service = inner.config.service, recovered, ?state, "the front door stands");
        Ok(Self(inner))
    }

    /// Lets nobody in any more: new events, queries and registrations are refused. Returns when nothing is under way. Again does nothing.
    ///
    /// # Errors
    /// `unavailable` when requests do not end; it stays closed, and can be closed again.
    pub async fn close(&self) -> Result<()> {
        let reason = "a restore is under way".to_owned();
        self.0.gate.change(|phase| {
            if !matches!(phase, Phase::Restoring { .. }) {
                *phase = Phase::Restoring { reason };
            }
        });
        let longest = self.0.config.query_deadline.max(self.0.config.limits.processor_deadline);
        self.0.gate.emptied(longest + CLOSING).await?;
        // A copy of main that is under way looks at no phase. It is made again, should it still be needed.
        for task in lock(&self.0.upkeep).iter().take(1) {
            task.abort();
        }
        let _nobody_writes = self.0.replica.lock().await;
        Ok(())
    }

    /// Forgets events, log and what waits for stream processors, which are evicted: main and replica are the same now, and older
    /// events are about data that is gone.
    ///
    /// # Errors
    /// `conflict` unless it is closed; `unavailable` when the disk fails.
    pub async fn clear(&self) -> Result<()> {
        if !matches!(self.0.gate.phase(), Phase::Restoring { .. }) {
            return Err(Failure::conflict("the front door is open: close it before it is cleared"));
        }
        let mut replica = self.0.replica.lock().await;
        let last = self.0.writer.last();
        // Once this is written, what is in the log counts as done, whatever happens next.
        self.0.write_position(true, last).await?;
        self.0.flow.clear(last);
        let inner = Arc::clone(&self.0);
        blocking(move || inner.writer.log().clear()).await?;
        replica.forget()?;
        self.0.refused(0);
        self.0.trouble(None);
        Ok(())
    }

    /// Lets everybody in again.
    ///
    /// # Errors
    /// `unavailable` when the disk fails.
    pub async fn open(&self) -> Result<()> {
        let position = {
            let inner = Arc::clone(&self.0);
            blocking(move || inner.position.read()).await?
        };
        let mut opened = false;
        self.0.gate.change(|phase| {
            if let Phase::Restoring { .. } = phase {
                *phase = Phase::Preparing { writes: position.copied, trouble: None };
                opened = true;
            }
        });
        if opened {
            // Nobody could be heard meanwhile.
            self.0.flow.lock().processors.values().for_each(|processor| processor.heard(None));
            // The replica that was restored is there, and the door opens with the first look at it.
            let prepare = tokio::spawn(upkeep::prepare(Arc::clone(&self.0)));
            lock(&self.0.upkeep)[0] = prepare.abort_handle();
            if position.copied {
                let _waited = tokio::time::timeout(FIRST_LOOK, prepare).await;
            }
        }
        Ok(())
    }

    /// How it is. Waits for the disk while the log is written.
    pub fn status(&self) -> Status {
        self.0.status()
    }

    /// Ends it: answers what was asked, writes what was taken in.
    pub async fn shutdown(&self) {
        self.0.stopping.send_replace(true);
        let server = lock(&self.0.server).take();
        if let Some(server) = server {
            let abort = server.abort_handle();
            if tokio::time::timeout(CLOSING, server).await.is_err() {
                abort.abort();
            }
        }
        for task in lock(&self.0.upkeep).drain(..) {
            task.abort();
        }
        self.0.flow.lock().processors.values().for_each(|processor| processor.end());
        let inner = Arc::clone(&self.0);
        let stop = move || {
            inner.writer.stop();
            // It goes with the process at the latest.
            let _released = inner.directory.unlock();
        };
        let _stopped = tokio::task::spawn_blocking(stop).await;
    }
}

impl Inner {
    pub fn status(&self) -> Status {
        let phase = self.gate.phase();
        let reason = match &phase {
            Phase::Open => None,
            Phase::Preparing { trouble, .. } => trouble.clone(),
            Phase::Restoring { reason } => Some(reason.clone()),
        };
        let (log_segments, log_trouble) = {
            let log = self.writer.log();
            (log.segments(), log.broken().map(str::to_owned))
        };
        let flow = self.flow.lock();
        Status {
            service: self.config.service.clone(),
            state: (&phase).into(),
            reason,
            sequence: self.writer.last(),
            applied: flow.applied,
            buffered: self.backlog.events(),
            refused: self.refused.load(Ordering::Relaxed),
            frozen: flow.processors.values().any(|processor| processor.loads()),
            log_segments,
            log_trouble,
            replica_trouble: lock(&self.replica_trouble).clone(),
            ssps: flow.processors.values().map(|processor| processor.describe()).collect(),
        }
    }

    pub async fn write_position(self: &Arc<Self>, copied: bool, applied: u64) -> Result<()> {
        let inner = Arc::clone(self);
        blocking(move || inner.position.write(copied, applied)).await
    }

    /// Removes what the replica has. A file that stays costs space and nothing else.
    pub async fn shorten_log(self: &Arc<Self>, applied: u64) {
        let inner = Arc::clone(self);
        if let Err(failure) = blocking(move || inner.writer.log().remove_through(applied)).await {
            tracing::warn!(service = self.config.service, %failure, "a segment of the event log could not be removed");
        }
    }

    pub fn refused(&self, refused: usize) {
        self.refused.store(refused, Ordering::Relaxed);
    }

    pub fn trouble(&self, trouble: Option<String>) {
        *lock(&self.replica_trouble) = trouble;
    }
}

struct Opened {
    lock: File,
    file: PositionFile,
    position: Position,
    log: Log,
    events: Vec<Event>,
}

fn open_directory(directory: &Path, segment_bytes: u64) -> Result<Opened> {
    let failed =
        |error: std::io::Error| Failure::unavailable(format!("`{}` cannot be used: {error}", directory.display()));
    fs::create_dir_all(directory).map_err(failed)?;
    let lock = File::create(directory.join("lock")).map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(Failure::conflict(format!(
                "another process uses the front door's directory `{}`",
                directory.display()
            ))
            .with_hint("one host runs a front door; stop the other one"));
        }
        Err(TryLockError::Error(error)) => return Err(failed(error)),
    }
    let file = PositionFile::new(directory);
    let position = file.read()?;
    let (log, events) = Log::open(&directory.join("log"), segment_bytes, position.applied)?;
    Ok(Opened { lock, file, position, log, events })
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|_| Err(Failure::internal("the front door's work was broken off")))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
