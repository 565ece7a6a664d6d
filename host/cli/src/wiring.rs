//! The composition root: the one place where concrete parts meet.

mod front_door;

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use bulkhead_api::{Api, AuthConfig, AuthMode, Hs256, HttpConfig, JwksConfig, Metrics, MetricsAccess, TokenChecks};
use bulkhead_catalog::Catalog;
use bulkhead_engine::{Engine, EngineConfig, TargetConfig};
use bulkhead_model::{Clock, Failure, Result, SystemClock};
use bulkhead_runtime::{PluginInfo, Runtime, RuntimeConfig, ToolSet};
use metrics_exporter_prometheus::PrometheusBuilder;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::config::Config;
use crate::config::auth::Auth;
use front_door::Gateways;

/// Bounds of the histograms: from a request to a backup that takes a night.
const SECONDS: [f64; 16] =
    [0.001, 0.005, 0.02, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0, 43_200.0];

/// Runs the host until a signal says stop.
///
/// # Errors
/// What keeps the host from starting.
pub async fn serve(config: Config, fail_at: Option<String>) -> Result<()> {
    // Before anything is touched: an address in use means that another host runs.
    let listener = TcpListener::bind(config.server.listen).await.map_err(|error| {
        Failure::unavailable(format!("cannot listen on {}: {error}", config.server.listen))
            .with_hint("is another host running? [server] listen names another address")
    })?;
    let address =
        listener.local_addr().map_err(|error| Failure::internal(format!("the listener has no address: {error}")))?;

    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    make_data_dir(&config)?;
    let catalog = Catalog::open(&config.catalog_url, Arc::clone(&clock)).await?;
    let runtime = Runtime::new(runtime_config(&config, tool_set(&config)?)).await?;
    let gateways = Gateways::start(&config).await;
    let engine_config =
        EngineConfig { front_doors: gateways.doors(), ..engine_config(&config, &runtime.plugins(), fail_at) };
    let engine = Engine::start(engine_config, catalog, runtime, Arc::clone(&clock)).await?;

    let (close, closing) = watch::channel(false);
    let api = Api::new(engine.clone(), auth_mode(&config)?, http(&config)?, clock, closing)?;
    let mut stop = Box::pin(stop_signal()?);
    let mut server = tokio::spawn(bulkhead_api::serve(listener, api));
    announce(&format!("listening on http://{address}"));
    tracing::info!(%address, host = config.server.host, "the host runs");

    tokio::select! {
        () = &mut stop => {}
        ended = &mut server => {
            let why = ended.map_or_else(|error| error.to_string(), |result| format!("{result:?}"));
            return Err(Failure::internal(format!("the API has stopped by itself: {why}")));
        }
    }
    let bound = config.server.shutdown_deadline;
    tracing::info!(bound_ms = bound.as_millis(), "the host stops; a second signal stops it at once");
    let _nobody_listens = close.send(true);
    let finish = async {
        engine.shutdown(bound).await;
        gateways.shutdown().await;
        // The engine has ended; an answer that is still being sent gets the rest of the bound.
        let _cut_off = tokio::time::timeout(bound, &mut server).await;
    };
    let again = stop_signal()?;
    tokio::select! {
        () = finish => tracing::info!("the host has stopped"),
        () = again => tracing::warn!("the host stops at once"),
        // Attempts that do not end when they are cancelled are found by the next start.
        () = tokio::time::sleep(bound.saturating_mul(2)) => tracing::warn!("the host stops without waiting any longer"),
    }
    Ok(())
}

fn stop_signal() -> Result<impl Future<Output = ()>> {
    let cannot = |error| Failure::internal(format!("cannot listen for signals: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(cannot)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(cannot)?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// For whoever started the process and waits for it to be ready.
fn announce(line: &str) {
    let mut stdout = std::io::stdout();
    let _gone = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
}

/// How the API is offered, with the recorder of the process's metrics behind it.
fn http(config: &Config) -> Result<HttpConfig> {
    let recorder = PrometheusBuilder::new()
        .set_buckets(&SECONDS)
        .and_then(PrometheusBuilder::install_recorder)
        .map_err(|error| Failure::internal(format!("metrics cannot be gathered: {error}")))?;
    bulkhead_engine::describe_metrics();
    let access = match &config.metrics_token {
        Some(token) => MetricsAccess::Token(String::from_utf8_lossy(token.bytes()).into_owned()),
        None => MetricsAccess::Loopback,
    };
    Ok(HttpConfig {
        request_deadline: config.server.request_deadline,
        cors_origins: config.server.cors_origins.clone(),
        rate: Some(config.limits.requests),
        failures: Some(config.limits.refusals),
        metrics: Metrics { access, render: Some(Arc::new(move || recorder.render())) },
        ..HttpConfig::default()
    })
}

fn auth_mode(config: &Config) -> Result<AuthMode> {
    match (&config.auth, config.organizations.as_slice()) {
        (Auth::Jwt { secret, jwks }, _) => Ok(AuthMode::Credentials(Box::new(AuthConfig {
            hs256: secret
                .as_ref()
                .map(|secret| Hs256 { secret: Arc::from(secret.bytes()), checks: TokenChecks::default() }),
            jwks: jwks.as_ref().map(|jwks| JwksConfig {
                source: jwks.source.clone(),
                checks: TokenChecks {
                    issuer: jwks.issuer.clone(),
                    audience: jwks.audience.clone(),
                    leeway: JwksConfig::LEEWAY,
                },
            }),
        }))),
        (Auth::None, [organization]) if config.server.listen.ip().is_loopback() => {
            tracing::warn!("everybody who reaches this machine's loopback is administrator: [auth] mode is \"none\"");
            Ok(AuthMode::None { organization: organization.clone() })
        }
        (Auth::None, _) => Err(Failure::invalid("[auth] mode \"none\" needs loopback and exactly one organization")),
    }
}

fn make_data_dir(config: &Config) -> Result<()> {
    let path = &config.server.data_dir;
    let made = std::fs::DirBuilder::new().recursive(true).create(path);
    made.map_err(|error| {
        Failure::invalid(format!("the data directory {} cannot be made: {error}", path.display()))
            .with_hint("[server] data_dir must name a place that this user may write")
    })
}

/// The tools of this host, run through this very binary.
///
/// # Errors
/// When the binary cannot be found.
pub fn tool_set(config: &Config) -> Result<ToolSet> {
    let launcher = std::env::current_exe()
        .map_err(|error| Failure::internal(format!("cannot find the path of this program: {error}")))?;
    Ok(ToolSet::with_readable(launcher, config.tools.paths.clone(), config.tools.readable.clone()))
}

/// What the runtime is told.
pub fn runtime_config(config: &Config, tools: ToolSet) -> RuntimeConfig {
    RuntimeConfig {
        cache_dir: config.plugins.cache_dir.clone().unwrap_or_else(|| config.server.data_dir.join("cache")),
        bundled_dir: bundled_dir(),
        plugin_dirs: config.plugins.dir.iter().cloned().collect(),
        tools,
        settings: config.plugins.settings.clone(),
        default_limits: config.limits.plugin,
        egress: config.egress.clone(),
    }
}

/// The plugins that came with this program lie beside it, or where packages put them.
fn bundled_dir() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    let beside = program.parent()?;
    ["plugins", "../plugins", "../lib/bulkhead/plugins"]
        .iter()
        .map(|relative| beside.join(relative))
        .find(|dir| dir.is_dir())
}

/// What the engine is told. `plugins` say which keys of a target's configuration are directories.
pub fn engine_config(config: &Config, plugins: &[PluginInfo], fail_at: Option<String>) -> EngineConfig {
    EngineConfig {
        host: config.server.host.clone(),
        data_dir: config.server.data_dir.clone(),
        organizations: config.organizations.clone(),
        services: config.services.clone(),
        targets: config.targets.iter().map(|target| absolute_directories(config, target, plugins)).collect(),
        encryption: config.encryption.clone(),
        limits: config.limits.engine.clone(),
        job_limits: config.limits.jobs.clone(),
        automatic: config.automatic.clone(),
        drills: config.drills.when.clone(),
        webhooks: config.webhooks.clone(),
        housekeeping: config.limits.housekeeping.clone(),
        drill_dir: config.drills.directory.clone(),
        front_doors: Default::default(),
        fail_at,
    }
}

/// A relative directory in a target's configuration starts where all relative paths of the file do.
pub fn absolute_directories(config: &Config, target: &TargetConfig, plugins: &[PluginInfo]) -> TargetConfig {
    let mut target = target.clone();
    let asked = plugins.iter().filter(|plugin| plugin.name == target.plugin).flat_map(|plugin| &plugin.grants);
    for key in asked.filter_map(|asked| asked.grant.strip_prefix("directory:")) {
        if let Some(value) = target.config.get_mut(key)
            && let Some(path) = value.as_str()
        {
            *value = config.base.join(path).to_string_lossy().into_owned().into();
        }
    }
    target
}
