//! Front doors: the gateway's, as the engine closes and opens them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bulkhead_engine::{FrontDoor, FrontDoors};
use bulkhead_gateway::{Fsync, Gateway, GatewayConfig, Limits, Shut, Token};
use bulkhead_model::{Failure, Result, ServiceId};
use bulkhead_runtime::Connection;
use bulkhead_surrealdb::Server;
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::config::{Config, FrontDoor as Settings, surrealdb};

/// Until the engine has looked into the catalog, nobody knows whether a restore has ended.
const STARTING: &str = "the host starts";
/// How long a front door that could not be started is left alone: its log may be long.
const AGAIN: Duration = Duration::from_secs(60);

/// The front doors of this host.
pub struct Gateways(Vec<(ServiceId, Arc<Door>)>);

impl Gateways {
    /// Starts all of them, closed: the engine opens those whose services are. One that cannot be started stays closed and says why; the
    /// other services do not wait for it.
    pub async fn start(config: &Config) -> Self {
        let mut doors = Vec::new();
        for settings in &config.front_doors {
            let door = Door::start(settings.listen, gateway_config(config, settings)).await;
            doors.push((settings.service.clone(), Arc::new(door)));
        }
        Self(doors)
    }

    /// As the engine is told.
    pub fn doors(&self) -> FrontDoors {
        let mut doors = FrontDoors::default();
        for (service, door) in &self.0 {
            doors.add(service.clone(), Arc::clone(door) as _);
        }
        doors
    }

    /// Ends them.
    pub async fn shutdown(&self) {
        for (_, door) in &self.0 {
            if let State::Up(gateway) = &*door.state.lock().await {
                gateway.shutdown().await;
            }
        }
    }
}

fn gateway_config(config: &Config, settings: &Settings) -> GatewayConfig {
    let token = settings.token.as_ref().map(|token| Token::new(String::from_utf8_lossy(token.bytes())));
    GatewayConfig {
        service: settings.service.to_string(),
        token,
        main: settings.main.clone(),
        replica: settings.replica.clone(),
        scope: settings.scope.clone(),
        directory: config.server.data_dir.join("front-door").join(settings.service.as_str()),
        fsync: settings.fsync_every.map_or(Fsync::Always, Fsync::Every),
        query_deadline: settings.query_deadline,
        limits: Limits {
            buffer_events: settings.buffer_events,
            processor_events: settings.ssp_buffer_events,
            apply_every: settings.apply_every,
            heartbeat_timeout: settings.heartbeat_timeout,
            bootstrap_timeout: settings.bootstrap_timeout,
            processor_deadline: settings.ssp_deadline,
            ..Limits::default()
        },
    }
}

/// One front door in the engine's hands.
struct Door {
    listen: SocketAddr,
    config: GatewayConfig,
    state: Mutex<State>,
}

enum State {
    Up(Gateway),
    Down(Down),
}

/// A front door that could not be started.
struct Down {
    why: Failure,
    tried: Instant,
    /// Tells callers why, where the address could be had.
    sign: Option<(std::net::TcpListener, Shut)>,
}

impl Door {
    async fn start(listen: SocketAddr, config: GatewayConfig) -> Self {
        let state = stand(listen, &config, None).await;
        Self { listen, config, state: Mutex::new(state) }
    }

    /// The front door. One that could not be started is tried again, as what was wrong may have been mended.
    ///
    /// # Errors
    /// Why it cannot be started.
    async fn up(&self) -> Result<Gateway> {
        let mut state = self.state.lock().await;
        if let State::Down(down) = &mut *state
            && down.tried.elapsed() >= AGAIN
        {
            let listener = down.sign.as_ref().and_then(|(listener, _)| listener.try_clone().ok());
            *state = stand(self.listen, &self.config, listener).await;
        }
        match &*state {
            State::Up(gateway) => Ok(gateway.clone()),
            State::Down(down) => Err(down.why.clone()),
        }
    }
}

/// Starts a front door, closed. When that fails, callers are told why in its place.
async fn stand(listen: SocketAddr, config: &GatewayConfig, listener: Option<std::net::TcpListener>) -> State {
    let bound = match listener {
        Some(listener) => Ok(listener),
        None => bind(listen).await,
    };
    let started = async {
        let listener = bound.as_ref().map_err(Clone::clone)?;
        Gateway::start(config.clone(), share(listener)?, Some(STARTING.to_owned())).await
    };
    let why = match started.await {
        Ok(gateway) => return State::Up(gateway),
        Err(why) => why.context(format!("the front door of `{}` cannot be opened", config.service)),
    };
    let sign = bound.ok().and_then(|listener| {
        let shared = share(&listener).ok()?;
        Some((listener, Shut::serve(config, shared, &why)))
    });
    State::Down(Down { why, tried: Instant::now(), sign })
}

async fn bind(listen: SocketAddr) -> Result<std::net::TcpListener> {
    let bound = TcpListener::bind(listen).await.and_then(TcpListener::into_std);
    bound.map_err(|error| {
        Failure::unavailable(format!("cannot listen on {listen}: {error}"))
            .with_hint("[service.front_door] listen names another address")
    })
}

/// The same listener, for somebody else who accepts connections.
fn share(listener: &std::net::TcpListener) -> Result<TcpListener> {
    let shared = listener.try_clone().and_then(TcpListener::from_std);
    shared.map_err(|error| Failure::unavailable(format!("the front door's listener cannot be used: {error}")))
}

#[async_trait]
impl FrontDoor for Door {
    async fn close(&self) -> Result<()> {
        self.up().await?.close().await
    }

    fn replica(&self) -> Arc<Connection> {
        Arc::new(surrealdb::connection(&self.config.replica))
    }

    fn replica_server(&self) -> Server {
        self.config.replica.clone()
    }

    async fn clear(&self) -> Result<()> {
        self.up().await?.clear().await
    }

    async fn open(&self) -> Result<()> {
        self.up().await?.open().await
    }
}

#[cfg(test)]
mod tests;
