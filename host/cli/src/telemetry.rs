//! What the process says of itself: log lines on standard error, and traces to an OpenTelemetry collector when one is named.

use std::io::IsTerminal;
use std::time::Duration;

use bulkhead_model::{Failure, Result};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use crate::config::{Log, LogFormat, Traces};

/// An export that takes longer is given up; its spans are lost, the host's work is not.
const EXPORT_DEADLINE: Duration = Duration::from_secs(10);
/// More than a collector ever answers.
const ANSWER_LIMIT_BYTES: u64 = 1 << 20;

/// Sends what is still waiting when it is dropped, within [`EXPORT_DEADLINE`].
#[must_use]
pub struct Telemetry(Option<SdkTracerProvider>);

impl Drop for Telemetry {
    fn drop(&mut self) {
        if let Some(provider) = self.0.take()
            && let Err(error) = provider.shutdown_with_timeout(EXPORT_DEADLINE)
        {
            eprintln!("warning: the last traces were not exported: {error}");
        }
    }
}

/// Starts logging, and tracing when `traces` names a collector.
///
/// # Errors
/// `invalid` when the collector's address is none.
pub fn init(log: &Log, traces: Option<&Traces>, host: &str) -> Result<Telemetry> {
    // The filter was checked with the configuration.
    let filter = EnvFilter::new(&log.filter);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines: Box<dyn Layer<Registry> + Send + Sync> = match log.format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).with_filter(filter).boxed(),
        LogFormat::Json => lines.json().with_filter(filter).boxed(),
    };
    let provider = traces.map(|traces| provider(traces, host)).transpose()?;
    let spans = provider.as_ref().map(|provider| {
        // What the exporter itself logs must not become spans of its own.
        let ours = EnvFilter::new("off,bulkhead=info,bulkhead_api=info,bulkhead_engine=info,bulkhead_runtime=info");
        tracing_opentelemetry::layer().with_tracer(provider.tracer("bulkhead")).with_filter(ours)
    });
    tracing_subscriber::registry().with(lines).with(spans).init();
    Ok(Telemetry(provider))
}

fn provider(traces: &Traces, host: &str) -> Result<SdkTracerProvider> {
    let agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .timeout_global(Some(EXPORT_DEADLINE))
        .build()
        .new_agent();
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(Collector(agent))
        .with_endpoint(&traces.otlp_endpoint)
        .with_protocol(Protocol::HttpBinary)
        .with_timeout(EXPORT_DEADLINE)
        .build()
        .map_err(|error| {
            Failure::invalid(format!("[log] otlp_endpoint: {error}"))
                .with_hint("write e.g. otlp_endpoint = \"http://127.0.0.1:4318/v1/traces\"")
        })?;
    let resource = Resource::builder()
        .with_service_name("bulkhead")
        .with_attribute(opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_attribute(opentelemetry::KeyValue::new("host.name", host.to_owned()))
        .build();
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build())
}

/// The HTTP client of the exporter. It runs on the exporter's own thread, so it may block.
#[derive(Debug)]
struct Collector(ureq::Agent);

#[async_trait::async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> std::result::Result<Response<Bytes>, HttpError> {
        let mut answer = self.0.run(request.map(|body| body.to_vec()))?;
        let body = answer.body_mut().with_config().limit(ANSWER_LIMIT_BYTES).read_to_vec()?;
        let (parts, _) = answer.into_parts();
        Ok(Response::from_parts(parts, Bytes::from(body)))
    }
}
