//! `[server]` and `[log]`: the process itself.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::Context;
use super::reader::Section;

/// `[server]`.
#[derive(Clone, Debug)]
pub struct Server {
    /// Where the API listens.
    pub listen: SocketAddr,
    /// Scratch, cache and, by default, the catalog.
    pub data_dir: PathBuf,
    /// This host's name in leases; must differ between hosts on one catalog.
    pub host: String,
    /// The most time one request may take.
    pub request_deadline: Duration,
    /// How long running work may go on after a signal to stop.
    pub shutdown_deadline: Duration,
    /// Pages of these origins may call the API from a browser.
    pub cors_origins: Vec<String>,
}

/// `[log]`.
#[derive(Clone, Debug)]
pub struct Log {
    /// How lines look.
    pub format: LogFormat,
    /// What is logged, e.g. `info` or `info,bulkhead_engine=debug`.
    pub filter: String,
}

/// Where traces go.
#[derive(Clone, Debug)]
pub struct Traces {
    /// The address of a collector that takes OTLP over HTTP, `http://host:4318/v1/traces`.
    pub otlp_endpoint: String,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Reads `[server]`.
pub fn read_server(root: &Section<'_>, context: &Context) -> Server {
    let mut server = Server {
        listen: SocketAddr::from(([127, 0, 0, 1], 7070)),
        data_dir: context.base.join("data"),
        host: host_name(),
        request_deadline: Duration::from_secs(30),
        shutdown_deadline: Duration::from_secs(30),
        cors_origins: Vec::new(),
    };
    let Some(section) = root.table("server") else { return server };
    if let Some(listen) = section.text("listen") {
        match listen.parse() {
            Ok(address) => server.listen = address,
            Err(_) => section.wrong(
                "listen",
                format!("`{listen}` is no address and port"),
                "write e.g. listen = \"127.0.0.1:7070\"; port 0 takes a free one",
            ),
        }
    }
    if let Some(path) = section.file("data_dir", &context.base) {
        server.data_dir = path;
    }
    if let Some(host) = section.text("host") {
        if host.is_empty() || host.len() > 200 || host.chars().any(char::is_control) {
            section.wrong("host", "expected 1 to 200 printable characters", "write e.g. host = \"backup-1\"");
        } else {
            server.host = host;
        }
    }
    server.request_deadline = section.duration("request_deadline", server.request_deadline);
    server.shutdown_deadline = section.duration("shutdown_deadline", server.shutdown_deadline);
    server.cors_origins = section.texts("cors_origins");
    for origin in &server.cors_origins {
        let rest = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        if rest.is_none_or(|host| host.is_empty() || host.contains(['/', '*', ' '])) {
            let message = format!("`{origin}` is no origin");
            section.wrong("cors_origins", message, "write e.g. cors_origins = [\"https://console.example.org\"]");
        }
    }
    if server.request_deadline.is_zero() {
        section.wrong("request_deadline", "must be longer than nothing", "write e.g. request_deadline = \"30s\"");
    }
    section.finish();
    server
}

/// Reads `[log]`.
pub fn read_log(root: &Section<'_>) -> (Log, Option<Traces>) {
    let mut log = Log { format: LogFormat::Text, filter: "info".to_owned() };
    let Some(section) = root.table("log") else { return (log, None) };
    log.format = section.choice("format", &[("text", LogFormat::Text), ("json", LogFormat::Json)], log.format);
    if let Some(filter) = section.text("filter") {
        match tracing_subscriber::EnvFilter::try_new(&filter) {
            Ok(_) => log.filter = filter,
            Err(error) => section.wrong("filter", format!("`{filter}`: {error}"), "write e.g. filter = \"info\""),
        }
    }
    let traces = section.text("otlp_endpoint").map(|otlp_endpoint| Traces { otlp_endpoint });
    if let Some(traces) = &traces
        && !["http://", "https://"].iter().any(|scheme| traces.otlp_endpoint.starts_with(scheme))
    {
        let message = format!("`{}` is no http address", traces.otlp_endpoint);
        section.wrong("otlp_endpoint", message, "write e.g. otlp_endpoint = \"http://127.0.0.1:4318/v1/traces\"");
    }
    section.finish();
    (log, traces)
}

/// The machine's name: stable over restarts, different between machines.
fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "bulkhead".to_owned() } else { name.to_owned() }
}
