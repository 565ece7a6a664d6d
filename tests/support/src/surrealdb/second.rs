//! An engine of SurrealDB 2 behind a front of our own: exports of that version are made by it, and some are taken back.
//!
//! No server of that version can be had here. The engine is upstream's, built for Node; what the front adds (`surrealdb2/server.mjs`) is the
//! routes, so statuses and headers prove less than a real server's.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use super::{SurrealClient, SurrealDb};
use crate::child::ServerChild;
use crate::http::Request;
use crate::problem::Result;
use crate::process;
use crate::program::ServerProgram;

const FRONT: &str = include_str!("../../surrealdb2/server.mjs");

/// An engine of SurrealDB 2 that keeps its data in memory, gone when dropped. Its user is [`SurrealDb::ROOT`].
#[derive(Debug)]
pub struct Surreal2(ServerChild);

impl Surreal2 {
    /// Starts one.
    pub fn start() -> Result<Self> {
        ServerProgram::Surreal2.installed()?;
        let installed = ServerProgram::Surreal2.dir();
        let node = process::program("node")?;
        let prepare = |folder: &Path, port: u16| {
            // Node looks for modules beside the script.
            symlink(installed.join("node_modules"), folder.join("node_modules"))?;
            fs::write(folder.join("server.mjs"), FRONT)?;
            let mut server = Command::new(&node);
            server
                .arg(folder.join("server.mjs"))
                .env("LD_PRELOAD", installed.join("glibc.so"))
                .env("PORT", port.to_string())
                .env("USERNAME", SurrealDb::ROOT.user)
                .env("PASSWORD", SurrealDb::ROOT.password);
            Ok(server)
        };
        let ready =
            |address| Request::new("GET", "/version", b"").send(address).is_ok_and(|answer| answer.status == 200);
        ServerChild::start("surrealdb-2", prepare, ready).map(Self)
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.0.address()
    }

    /// The root user in a database.
    pub fn at(&self, namespace: &str, database: &str) -> SurrealClient {
        SurrealClient::new(self.address(), SurrealDb::ROOT).at(namespace, database)
    }

    /// What it wrote.
    pub fn log(&self) -> String {
        self.0.log()
    }
}
