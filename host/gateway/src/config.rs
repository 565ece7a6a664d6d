//! What a front door is given.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use bulkhead_surrealdb::{Scope, Server};

/// One front door.
#[derive(Clone, Debug)]
pub struct GatewayConfig {
    /// The service before which it stands, as logs name it.
    pub service: String,
    /// What callers have to show, and what stream processors are shown.
    pub token: Option<Token>,
    /// The service's own server.
    pub main: Server,
    /// The server of the replica.
    pub replica: Server,
    /// The database, the same on both.
    pub scope: Scope,
    /// Where log and position lie. Made when it is missing; used by one process at a time.
    pub directory: PathBuf,
    /// When the log is on disk.
    pub fsync: Fsync,
    /// The most time for one request to main or replica.
    pub query_deadline: Duration,
    /// Bounds.
    pub limits: Limits,
}

/// When events are forced to disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fsync {
    /// Before they are acknowledged: nothing acknowledged is lost with the machine.
    Always,
    /// At this interval: what was acknowledged within it can be lost with the machine, though never with the process.
    Every(Duration),
}

/// Bounds of one front door.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Events that wait for the replica; more are refused.
    pub buffer_events: usize,
    /// The same in bytes.
    pub buffer_bytes: usize,
    /// Events that wait for one stream processor; with more it has to bootstrap again.
    pub processor_events: usize,
    /// The same in bytes.
    pub processor_bytes: usize,
    /// Stream processors.
    pub processors: usize,
    /// Bytes of one event.
    pub event_bytes: usize,
    /// Connections.
    pub connections: usize,
    /// How often the replica takes events in.
    pub apply_every: Duration,
    /// Silence after which a stream processor is gone.
    pub heartbeat_timeout: Duration,
    /// The most time until a registered stream processor is ready.
    pub bootstrap_timeout: Duration,
    /// The most time for one request to a stream processor.
    pub processor_deadline: Duration,
    /// How often a stream processor that bootstraps is asked whether it is ready.
    pub poll_every: Duration,
    /// Size at which a segment of the log is closed.
    pub segment_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            buffer_events: 10_000,
            buffer_bytes: 256 << 20,
            processor_events: 10_000,
            processor_bytes: 64 << 20,
            processors: 64,
            event_bytes: 1 << 20,
            connections: 512,
            apply_every: Duration::from_secs(1),
            heartbeat_timeout: Duration::from_secs(30),
            bootstrap_timeout: Duration::from_secs(120),
            processor_deadline: Duration::from_secs(10),
            poll_every: Duration::from_millis(500),
            segment_bytes: 16 << 20,
        }
    }
}

/// A bearer token, never shown.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// Takes charge of a token.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}
