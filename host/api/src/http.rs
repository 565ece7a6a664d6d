//! How the API is offered.

use std::sync::Arc;
use std::time::Duration;

use crate::auth::RateLimit;

/// How the API is offered, as configured.
#[derive(Clone)]
pub struct HttpConfig {
    /// The most time a request may take until its answer begins.
    pub request_deadline: Duration,
    /// The most time the head of a request may take, also the next one of a connection that is kept.
    pub header_deadline: Duration,
    /// Connections at a time; further ones wait until one ends.
    pub connections_max: usize,
    /// Streams of events at a time for one organization.
    pub streams_max: usize,
    /// Origins whose pages may call from a browser, e.g. `https://console.example.com`; none unless configured.
    pub cors_origins: Vec<String>,
    /// How often one credential may call.
    pub rate: Option<RateLimit>,
    /// How often one address may fail to say who it is.
    pub failures: Option<RateLimit>,
    /// What `/metrics` answers, and to whom.
    pub metrics: Metrics,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            request_deadline: Duration::from_secs(30),
            header_deadline: Duration::from_secs(30),
            connections_max: 1024,
            streams_max: 100,
            cors_origins: Vec::new(),
            rate: Some(RateLimit::CALLER),
            failures: Some(RateLimit::FAILURES),
            metrics: Metrics::default(),
        }
    }
}

/// What `/metrics` answers, and to whom.
#[derive(Clone, Default)]
pub struct Metrics {
    /// To whom. Metrics name the services of all organizations.
    pub access: MetricsAccess,
    /// The metrics of this process in Prometheus text; `None` when nothing gathers them.
    pub render: Option<Arc<dyn Fn() -> String + Send + Sync>>,
}

/// Who may read metrics.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum MetricsAccess {
    /// Nobody: there is no such address.
    Off,
    /// Whoever calls from this machine.
    #[default]
    Loopback,
    /// Whoever sends `Authorization: Bearer` and this.
    Token(String),
    /// Everybody.
    Open,
}
