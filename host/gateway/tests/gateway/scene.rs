//! Front doors before real servers.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use bulkhead_gateway::{Fsync, Gateway, GatewayConfig, Limits};
use bulkhead_surrealdb::{Login, Scope, Server};
use bulkhead_test_support::{SurrealClient, SurrealDb, SurrealDbOptions};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::client::Client;

pub const NAMESPACE: &str = "my app";
pub const DATABASE: &str = "main`db";

/// A configuration whose servers answer nobody.
pub fn nowhere() -> GatewayConfig {
    let server = |port| Server {
        host: "127.0.0.1".to_owned(),
        port,
        tls: false,
        user: "root".to_owned(),
        password: "nobody asks".to_owned(),
        login: Login::Root,
    };
    GatewayConfig {
        service: "app".to_owned(),
        token: None,
        main: server(1),
        replica: server(2),
        scope: Scope { namespace: NAMESPACE.to_owned(), database: DATABASE.to_owned() },
        directory: PathBuf::new(),
        fsync: Fsync::Always,
        query_deadline: Duration::from_secs(60),
        limits: Limits {
            apply_every: Duration::from_millis(100),
            heartbeat_timeout: Duration::from_secs(300),
            bootstrap_timeout: Duration::from_secs(60),
            poll_every: Duration::from_millis(20),
            processor_deadline: Duration::from_secs(5),
            ..Limits::default()
        },
    }
}

/// A front door with a main server and a replica.
pub struct Scene {
    pub runtime: Runtime,
    pub gateway: Gateway,
    pub address: SocketAddr,
    pub main: SurrealDb,
    pub replica: SurrealDb,
    pub directory: TempDir,
    pub config: GatewayConfig,
}

impl Scene {
    /// Starts everything; `schema` is run on main first.
    pub fn start(schema: &str, change: impl FnOnce(&mut Limits)) -> Self {
        // Their events may speak to the front door.
        let environment = vec![("SURREAL_CAPS_ALLOW_NET".to_owned(), "127.0.0.1".to_owned())];
        let options = SurrealDbOptions { environment, ..SurrealDbOptions::default() };
        let fresh = || SurrealDb::start_with(&options).unwrap();
        let (main, replica) = (fresh(), fresh());
        let client = main.root().at(NAMESPACE, DATABASE);
        client.define().unwrap();
        client.query(schema).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let mut config = GatewayConfig {
            main: server(&main),
            replica: server(&replica),
            directory: directory.path().to_owned(),
            ..nowhere()
        };
        change(&mut config.limits);
        let runtime = Runtime::new().unwrap();
        let (gateway, address) = start(&runtime, &config, None);
        let scene = Self { runtime, gateway, address, main, replica, directory, config };
        scene.until("the door is open", || scene.client().status()["state"] == "open");
        scene
    }

    /// Ends the front door and starts it again.
    pub fn restart(&mut self, closed: Option<String>) {
        self.runtime.block_on(self.gateway.shutdown());
        let (gateway, address) = start(&self.runtime, &self.config, closed);
        (self.gateway, self.address) = (gateway, address);
    }

    pub fn client(&self) -> Client {
        Client::connect(self.address).unwrap()
    }

    /// What a server holds.
    pub fn on(&self, server: &SurrealDb) -> SurrealClient {
        server.root().at(NAMESPACE, DATABASE)
    }

    pub fn until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !holds() {
            assert!(Instant::now() < deadline, "not within 60 s: {what}; {}", self.client().status());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until the replica has everything.
    pub fn until_applied(&self) {
        self.until("the replica has everything", || {
            let status = self.client().status();
            status["buffered"] == 0 && status["applied"] == status["sequence"]
        });
    }
}

fn start(runtime: &Runtime, config: &GatewayConfig, closed: Option<String>) -> (Gateway, SocketAddr) {
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        (Gateway::start(config.clone(), listener, closed).await.unwrap(), address)
    })
}

pub fn server(server: &SurrealDb) -> Server {
    Server {
        host: "127.0.0.1".to_owned(),
        port: server.port(),
        tls: false,
        user: SurrealDb::ROOT.user.to_owned(),
        password: SurrealDb::ROOT.password.to_owned(),
        login: Login::Root,
    }
}
