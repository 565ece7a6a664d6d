//! A restore into a throw-away server: for a moment in time, for a part, for a drill. The live server knows nothing of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bulkhead_model::recovery::Until;
use bulkhead_model::{Failure, FailureKind, Result};
use bulkhead_runtime::{
    Attempt, Connection, Link, MethodPlugin, Observer as _, RestoreRequest, ServerControl, ServerKeys, ServerStatus,
    Stop, ThrowAwayServer, ThrowAwayServerOptions, ToolScope,
};
use tokio::time::Instant;

use super::artifacts::RestoreReader;
use super::backup::method_service;
use super::carry;
use super::links::Links;
use crate::config::ServiceConfig;
use crate::engine::needs_server;
use crate::executor::Run;
use crate::swap::{self, Apart, ServiceControl};
use crate::twin::{self, Wanted};

/// What a dump takes on a disk, about: rows and their indexes.
const LOADED: u64 = 2;

/// What an empty server takes.
const EMPTY_SERVER: u64 = 256 << 20;

/// One question to the live server.
const ASK: Duration = Duration::from_secs(10);

/// Where its data lies.
pub(crate) enum Place {
    /// Beside the live data, to take its place.
    Beside(Arc<ServiceControl>),
    /// By itself.
    Apart(Apart),
}

impl Place {
    fn staging(&self) -> &Path {
        match self {
            Self::Beside(control) => control.staging(),
            Self::Apart(apart) => apart.staging(),
        }
    }

    fn increment(&self) -> &Path {
        match self {
            Self::Beside(control) => control.increment(),
            Self::Apart(apart) => apart.increment(),
        }
    }

    async fn stage(&self, bytes: u64) -> Result<()> {
        match self {
            Self::Beside(control) => control.stage(bytes).await,
            Self::Apart(apart) => apart.stage(bytes),
        }
    }

    async fn stage_increment(&self, bytes: u64) -> Result<()> {
        match self {
            Self::Beside(control) => control.stage_increment(bytes).await,
            Self::Apart(apart) => apart.stage_increment(bytes).await,
        }
    }
}

/// A server that a chain is restored into. To a method with the grant `server` it is the server whose directory is swapped.
pub(crate) struct ThrowAway {
    place: Place,
    server: ThrowAwayServer,
    wanted: Wanted,
}

/// What a restore has reached.
pub(crate) type Positions = Vec<(String, String)>;

impl ThrowAway {
    /// For one attempt, on a base and the logs that will be replayed on it. Nothing is made yet.
    ///
    /// # Errors
    /// As [`Wanted::choose`].
    pub async fn new(
        run: &Run,
        service: &ServiceConfig,
        place: Place,
        base: &Link,
        logs: &[Link],
    ) -> Result<Arc<Self>> {
        let plugin = run.engine.runtime.method(&service.engine, &base.method)?;
        let installs = !needs_server(plugin.info());
        // One that is down is restored all the same, which may be why it is restored at all.
        let live = twin::of_service(service).await.unwrap_or_default();
        let logs: Vec<_> = logs.iter().map(|log| (&log.backup, &log.report)).collect();
        let wanted = Wanted::choose(&base.report, &logs, live.as_ref(), installs)?;
        wanted.warnings.iter().for_each(|warning| run.observer.warn(warning));
        // What was copied says itself how it is encrypted.
        let keys = if installs { keys_of(&service.connection).await } else { None };
        let options = ThrowAwayServerOptions {
            data_dir: place.staging().to_owned(),
            run_dir: run_dir(run),
            lower_case_table_names: base.report.position("lower_case_table_names").and_then(|how| how.parse().ok()),
            buffer_pool: run.engine.config.limits.throw_away_memory,
            keys,
            settings: wanted.settings.clone(),
            local_time: wanted.local_time.clone(),
        };
        let scope = ToolScope::from(&Attempt { staging: None, ..run.attempt_for(service) });
        let server = ThrowAwayServer::new(run.engine.runtime.tools().clone(), scope, options)?;
        Ok(Arc::new(Self { place, server, wanted }))
    }

    /// How to reach the server once it runs.
    pub fn connection(&self) -> Arc<Connection> {
        self.server.connection()
    }

    /// Restores a chain and leaves the server running.
    pub async fn restore(
        self: &Arc<Self>,
        run: &Run,
        service: &ServiceConfig,
        chain: &Links,
        reader: &Arc<impl RestoreReader + 'static>,
    ) -> Result<Positions> {
        let last = chain.links.last().ok_or_else(|| Failure::internal("an empty chain is restored"))?;
        let plugin = run.engine.runtime.method(&service.engine, &last.method)?;
        if !needs_server(plugin.info()) {
            run.observer.phase("install");
            self.place.stage(chain.plain_bytes() * LOADED + EMPTY_SERVER).await?;
            self.server.install().await?;
            self.start().await?;
            if self.wanted.named_zones {
                carry::named_zones(run, service, &self.attempt(run, service)).await?;
            }
        }
        let positions = self.call(run, service, &plugin, chain.links.clone(), None, reader).await?;
        if self.server.is_running() {
            Ok(positions)
        } else {
            Err(Failure::internal("the method returned success without putting the restored data in place"))
        }
    }

    /// Replays logs on what the server holds.
    pub async fn replay(
        self: &Arc<Self>,
        run: &Run,
        service: &ServiceConfig,
        base: &Link,
        logs: &Links,
        until: Option<&Until>,
        reader: &Arc<impl RestoreReader + 'static>,
    ) -> Result<Positions> {
        let first = logs.links.first().ok_or_else(|| Failure::internal("no logs are replayed"))?;
        let plugin = run.engine.runtime.method(&service.engine, &first.method)?;
        let chain = std::iter::once(base).chain(&logs.links).cloned().collect();
        let until = until.map(|until| match until {
            Until::Time(instant) => Stop::Time(*instant),
            Until::Transaction(gtid) => Stop::Transaction(gtid.to_string()),
        });
        self.call(run, service, &plugin, chain, until, reader).await
    }

    async fn call(
        self: &Arc<Self>,
        run: &Run,
        service: &ServiceConfig,
        plugin: &MethodPlugin,
        chain: Vec<Link>,
        until: Option<Stop>,
        reader: &Arc<impl RestoreReader + 'static>,
    ) -> Result<Positions> {
        let method = plugin.info().method.as_ref().unwrap_or(&run.job.method);
        let config = run.engine.method_config(service, method);
        let request = RestoreRequest { service: method_service(service), config, chain, until };
        let attempt = Attempt { reader: Some(Arc::clone(reader) as _), ..self.attempt(run, service) };
        match plugin.restore(attempt, request).await {
            Ok(restored) => Ok(restored.positions),
            Err(failure) => Err(blame(run, reader.as_ref(), failure).await),
        }
    }

    /// What a method is given that works on this server.
    pub fn attempt(self: &Arc<Self>, run: &Run, service: &ServiceConfig) -> Attempt {
        Attempt {
            staging: Some(self.place.staging().to_owned()),
            increment: Some(self.place.increment().to_owned()),
            data_dir: None,
            connection: Some(self.connection()),
            server: Some(Arc::clone(self) as _),
            replacing: None,
            ..run.attempt_for(service)
        }
    }

    /// Starts the server, which has to be set as the one whose data it holds.
    async fn start(&self) -> Result<()> {
        self.server.start().await?;
        self.wanted.check(&self.server.connection()).await
    }

    /// Ends the server at once; what it holds is worth nothing then.
    pub async fn kill(&self) {
        self.server.kill().await;
    }

    /// Ends the server in good order, so that another can start on its data.
    pub async fn stop(&self) -> Result<()> {
        self.server.stop().await
    }
}

#[async_trait]
impl ServerControl for ThrowAway {
    async fn status(&self) -> Result<ServerStatus> {
        Ok(ServerStatus { running: self.server.is_running(), data_bytes: 0 })
    }

    async fn stage(&self, bytes: u64) -> Result<()> {
        self.place.stage(bytes).await
    }

    async fn stage_increment(&self, bytes: u64) -> Result<()> {
        self.place.stage_increment(bytes).await
    }

    async fn swap(&self) -> Result<Duration> {
        let before = Instant::now();
        // Here such files would work, and the service that they are restored into would lose the table.
        let staging = self.place.staging().to_owned();
        tokio::task::spawn_blocking(move || swap::require_staged_inside(&staging))
            .await
            .map_err(|error| Failure::internal(format!("looking at restored files broke down: {error}")))??;
        self.start().await?;
        Ok(before.elapsed())
    }
}

/// Whatever a tool says that met damage first: when bytes are to blame, that is the failure.
pub(super) async fn blame(run: &Run, reader: &impl RestoreReader, failure: Failure) -> Failure {
    if let Err(stopped) = run.check_stopped() {
        return stopped;
    }
    match reader.find_damage().await {
        Err(damage) if damage.kind == FailureKind::Corrupt => {
            tracing::info!(job = %run.job.id, error = %failure, "what met the damage first");
            damage
        }
        _ => failure,
    }
}

/// The keys with which the live server encrypts its data, when it answers and this host can read them: a dump may hold tables that
/// want to be encrypted, and what is swapped in must be readable by that server.
async fn keys_of(live: &Connection) -> Option<ServerKeys> {
    let asked = "SELECT variable_name, variable_value FROM information_schema.global_variables
        WHERE variable_name IN ('FILE_KEY_MANAGEMENT_FILENAME', 'FILE_KEY_MANAGEMENT_ENCRYPTION_ALGORITHM', 'PLUGIN_DIR')";
    let rows = live.query(asked, ASK, 64 << 10).await.ok()?;
    let value = |name: &str| {
        let row = rows.rows.iter().find(|row| row.first().is_some_and(|found| found.as_deref() == Some(name)))?;
        row.get(1).cloned().flatten()
    };
    let keys = ServerKeys {
        file: value("FILE_KEY_MANAGEMENT_FILENAME")?.into(),
        algorithm: value("FILE_KEY_MANAGEMENT_ENCRYPTION_ALGORITHM")?,
        plugin_dir: value("PLUGIN_DIR")?.into(),
    };
    std::fs::File::open(&keys.file).ok().map(|_readable| keys)
}

/// Where sockets lie; cleared when the host starts.
fn run_dir(run: &Run) -> PathBuf {
    run.engine.config.data_dir.join("run")
}
