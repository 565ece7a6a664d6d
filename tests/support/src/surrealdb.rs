//! A private SurrealDB server.

mod client;
mod liar;
mod second;
mod snapshot;

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tempfile::TempDir;

use crate::guardian::Guardian;
use crate::http::Request;
use crate::mariadb::Account;
use crate::problem::{Problem, Result};
use crate::process;
use crate::program::ServerProgram;

pub use client::SurrealClient;
pub use liar::{Liar, Lie};
pub use second::Surreal2;
pub use snapshot::SurrealSnapshot;

/// It is built without optimisation, and starts beside other builds.
const START_DEADLINE: Duration = Duration::from_secs(90);

/// Another process may take the port between its choice and its use.
const TRIES: usize = 3;

/// [`SurrealDb::ROOT`]'s password, hashed with next to no work. The server checks the password at each request, and takes a second for it when it is
/// built without optimisation.
const QUICK_HASH: &str =
    "$argon2id$v=19$m=8,t=1,p=1$c2FsdCBvZiB0aGUgdGVzdHM$bQkrTLD1oA0crfIetkjN8i3hqqtthF2spqkZSxUwveo";

/// Where a server keeps its data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Storage {
    /// Gone when the server ends.
    #[default]
    Memory,
    /// Files, which outlive `kill -9`.
    Disk,
}

/// How a server is started.
#[derive(Clone, Debug, Default)]
pub struct SurrealDbOptions {
    /// Where its data lie.
    pub storage: Storage,
    /// More environment for the server, e.g. `SURREAL_HTTP_MAX_IMPORT_BODY_SIZE`.
    pub environment: Vec<(String, String)>,
    /// The program; the one that was built for the tests by default.
    pub program: Option<PathBuf>,
}

/// A SurrealDB server on loopback, with one root user. Dropping it kills it and removes its directory.
#[derive(Debug)]
pub struct SurrealDb {
    directory: TempDir,
    options: SurrealDbOptions,
    port: u16,
    process: Mutex<Option<Child>>,
    _guardian: Guardian,
}

impl SurrealDb {
    /// Its root user.
    pub const ROOT: Account = Account { user: "root", password: "surr #eal \"pw'3" };

    /// A fresh, empty server that keeps its data in memory.
    pub fn start() -> Result<Self> {
        Self::start_with(&SurrealDbOptions::default())
    }

    /// A fresh, empty server that keeps its data in files.
    pub fn start_on_disk() -> Result<Self> {
        Self::start_with(&SurrealDbOptions { storage: Storage::Disk, ..SurrealDbOptions::default() })
    }

    /// A fresh, empty server.
    pub fn start_with(options: &SurrealDbOptions) -> Result<Self> {
        let mut failed = None;
        for _ in 0..TRIES {
            let server = Self::prepare(options)?;
            match server.launch() {
                Ok(()) => return Ok(server),
                Err(problem) => failed = Some(problem),
            }
        }
        Err(failed.unwrap_or_else(|| Problem::new("surreal does not start")))
    }

    fn prepare(options: &SurrealDbOptions) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("bulkhead-surrealdb-").tempdir()?;
        fs::create_dir(directory.path().join("tmp"))?;
        let guardian = Guardian::watch(&directory.path().join("pid"), &[directory.path()])?;
        let port = process::free_port()?;
        Ok(Self { directory, options: options.clone(), port, process: Mutex::new(None), _guardian: guardian })
    }

    /// Starts it and waits until it answers; after a kill it listens where it did before.
    pub fn launch(&self) -> Result<()> {
        self.kill()?;
        let data = match self.options.storage {
            Storage::Memory => "memory".to_owned(),
            Storage::Disk => format!("surrealkv://{}", self.dir().join("data").display()),
        };
        let log = File::options().create(true).append(true).open(self.log_file())?;
        let program = self.options.program.clone().map_or_else(|| ServerProgram::SurrealDb.installed(), Ok)?;
        let mut surreal = process::command(program);
        surreal
            .args(["start", "--no-banner", "--log", "warn", "--bind", &self.address().to_string()])
            // Its own command line names its directory, so that nobody mistakes another process for it.
            .arg("--temporary-directory")
            .arg(self.dir().join("tmp"))
            .arg(data)
            .env("SURREAL_USER", Self::ROOT.user)
            .env("SURREAL_PASS", Self::ROOT.password)
            .envs(self.options.environment.iter().map(|(name, value)| (name, value)))
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0);
        let child = surreal.spawn()?;
        fs::write(self.dir().join("pid"), child.id().to_string())?;
        *self.child() = Some(child);
        process::wait_until("surreal answers", START_DEADLINE, || {
            if self.pid().is_none() {
                return Err(Problem::new(format!("surreal ended at once:\n{}", self.log_tail())));
            }
            Ok((self.answers() && self.takes_queries()?).then_some(()))
        })
    }

    /// Whether it is past its start, which it may not be when it is well; with the cheap password from then on.
    fn takes_queries(&self) -> Result<bool> {
        let user = Self::ROOT.user;
        let define = format!("DEFINE USER OVERWRITE {user} ON ROOT PASSHASH '{QUICK_HASH}' ROLES OWNER");
        let answer = self.root().send(Request::new("POST", "/sql", define.as_bytes()))?;
        match answer.status {
            503 => Ok(false),
            _ => answer.good().map(|_| true),
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// Its port on 127.0.0.1.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Its directory.
    pub fn dir(&self) -> &Path {
        self.directory.path()
    }

    /// The process, if it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child().as_ref().map(Child::id).filter(|pid| process::alive(*pid))
    }

    /// `kill -9`; a server that is down already is no problem.
    pub fn kill(&self) -> Result<()> {
        if let Some(mut child) = self.child().take() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    /// Whether it says that it is well.
    pub fn answers(&self) -> bool {
        Request::new("GET", "/health", b"").send(self.address()).is_ok_and(|answer| answer.status == 200)
    }

    /// The root user, outside of any namespace.
    pub fn root(&self) -> SurrealClient {
        SurrealClient::new(self.address(), Self::ROOT)
    }

    /// The root user in a database.
    pub fn at(&self, namespace: &str, database: &str) -> SurrealClient {
        self.root().at(namespace, database)
    }

    /// A line of `/proc/<pid>/status` in KiB, e.g. `VmHWM` (the most memory it ever held).
    pub fn memory_kib(&self, line: &str) -> Option<u64> {
        process::memory_kib(self.pid()?, line)
    }

    /// The last lines it wrote.
    pub fn log_tail(&self) -> String {
        let log = fs::read_to_string(self.log_file()).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
    }

    fn log_file(&self) -> PathBuf {
        self.dir().join("log")
    }

    fn child(&self) -> MutexGuard<'_, Option<Child>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for SurrealDb {
    fn drop(&mut self) {
        // Nothing is left to do about a process that cannot be killed.
        let _ = self.kill();
    }
}
