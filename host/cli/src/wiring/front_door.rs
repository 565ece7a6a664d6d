//! Front doors: the gateway's, as the engine closes and opens them.

use std::sync::Arc;

use async_trait::async_trait;
use bulkhead_engine::{FrontDoor, FrontDoors};
use bulkhead_gateway::{Fsync, Gateway, GatewayConfig, Limits, Token};
use bulkhead_model::{Failure, Result, ServiceId};
use bulkhead_runtime::Connection;
use bulkhead_surrealdb::Server;
use tokio::net::TcpListener;

use crate::config::{Config, FrontDoor as Settings, surrealdb};

/// Until the engine has looked into the catalog, nobody knows whether a restore has ended.
const STARTING: &str = "the host starts";

/// The front doors of this host.
pub struct Gateways(Vec<(ServiceId, Settings, Gateway)>);

impl Gateways {
    /// Starts all of them, closed: the engine opens those whose services are.
    ///
    /// # Errors
    /// What keeps one from starting.
    pub async fn start(config: &Config) -> Result<Self> {
        let mut gateways = Vec::new();
        for settings in &config.front_doors {
            let listener = TcpListener::bind(settings.listen).await.map_err(|error| {
                Failure::unavailable(format!(
                    "the front door of `{}` cannot listen on {}: {error}",
                    settings.service, settings.listen
                ))
                .with_hint("[service.front_door] listen names another address")
            })?;
            let gateway = Gateway::start(gateway_config(config, settings), listener, Some(STARTING.to_owned())).await?;
            gateways.push((settings.service.clone(), settings.clone(), gateway));
        }
        Ok(Self(gateways))
    }

    /// As the engine is told.
    pub fn doors(&self) -> FrontDoors {
        let mut doors = FrontDoors::default();
        for (service, settings, gateway) in &self.0 {
            let replica = Arc::new(surrealdb::connection(&settings.replica));
            let door = Door { gateway: gateway.clone(), replica, server: settings.replica.clone() };
            doors.add(service.clone(), Arc::new(door));
        }
        doors
    }

    /// Ends them.
    pub async fn shutdown(&self) {
        for (_, _, gateway) in &self.0 {
            gateway.shutdown().await;
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
    gateway: Gateway,
    replica: Arc<Connection>,
    server: Server,
}

#[async_trait]
impl FrontDoor for Door {
    async fn close(&self) -> Result<()> {
        self.gateway.close().await
    }

    fn replica(&self) -> Arc<Connection> {
        Arc::clone(&self.replica)
    }

    fn replica_server(&self) -> Server {
        self.server.clone()
    }

    async fn clear(&self) -> Result<()> {
        self.gateway.clear().await
    }

    async fn open(&self) -> Result<()> {
        self.gateway.open().await
    }
}
