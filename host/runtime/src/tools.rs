//! Native programs that the host runs for a plugin: under a typed argument policy, in a sandbox of their own, judged by the host.

mod defaults;
mod launch;
mod policy;
mod prepare;
mod process;
mod raw;
mod throw_away;
mod version;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bulkhead_model::{AttemptId, Failure, Result};
use tokio_util::sync::CancellationToken;

use self::launch::LaunchOrder;
use self::policy::{Admitted, Places};
use self::process::Invocation;

use crate::{Attempt, ByteSource, Connection, Observer};

pub use launch::{LAUNCH_COMMAND, launcher_main};
pub use process::{Exit, Process};
pub use throw_away::{ServerKeys, ThrowAwayServer, ThrowAwayServerOptions};

/// The tools of this host. Cloning shares it.
#[derive(Clone, Debug)]
pub struct ToolSet {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// The program that applies the sandbox and becomes the tool.
    launcher: PathBuf,
    /// Where tools lie that are not to be searched on `PATH`.
    paths: BTreeMap<String, PathBuf>,
    /// Files and directories that a tool may read besides, by the tool's name.
    readable: BTreeMap<String, Vec<PathBuf>>,
    versions: Mutex<version::Versions>,
}

/// Where programs are searched after `PATH`, and all that tools see of it.
const SEARCHED: [&str; 6] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// What a tool may touch: the parts of an [`Attempt`] that concern it.
#[derive(Clone)]
pub struct ToolScope {
    /// On every log line.
    pub attempt: AttemptId,
    /// What the tool sees as `/scratch`.
    pub scratch: PathBuf,
    /// What the tool sees as `/staging`.
    pub staging: Option<PathBuf>,
    /// What the tool sees as `/increment`.
    pub increment: Option<PathBuf>,
    /// What the tool sees as `/data`, to read.
    pub data_dir: Option<PathBuf>,
    /// Where tools connect to.
    pub connection: Option<Arc<Connection>>,
    /// Hears what the tool says on its standard error.
    pub observer: Arc<dyn Observer>,
    /// Stops the tool.
    pub cancel: CancellationToken,
    /// The most wall-clock time the tool may take.
    pub deadline: Duration,
}

impl From<&Attempt> for ToolScope {
    fn from(attempt: &Attempt) -> Self {
        Self {
            attempt: attempt.id.clone(),
            scratch: attempt.scratch.clone(),
            staging: attempt.staging.clone(),
            increment: attempt.increment.clone(),
            data_dir: attempt.data_dir.clone(),
            connection: attempt.connection.clone(),
            observer: attempt.observer.clone(),
            cancel: attempt.cancel.clone(),
            deadline: attempt.deadline,
        }
    }
}

impl ToolSet {
    /// Tools that are run through `launcher`, a program that calls [`launcher_main`] when its first argument is
    /// [`LAUNCH_COMMAND`]. A tool that `paths` does not name is searched on `PATH`.
    pub fn new(launcher: PathBuf, paths: BTreeMap<String, PathBuf>) -> Self {
        Self::with_readable(launcher, paths, BTreeMap::new())
    }

    /// Like [`ToolSet::new`], with files and directories that single tools may read besides, e.g. the keys that a server encrypts
    /// its data files with.
    pub fn with_readable(
        launcher: PathBuf,
        paths: BTreeMap<String, PathBuf>,
        readable: BTreeMap<String, Vec<PathBuf>>,
    ) -> Self {
        Self { shared: Arc::new(Shared { launcher, paths, readable, versions: Mutex::default() }) }
    }

    /// The version that a tool states of itself, e.g. `10.11.19-MariaDB`. Remembered as long as the file does not change.
    ///
    /// # Errors
    /// `unsupported` for a name that has no policy, `unavailable` when the program is not there.
    pub async fn version(&self, tool: &str) -> Result<String> {
        let tool = policy::of(tool)?.tool;
        let program = self.find(tool)?;
        version::of(&self.shared, tool, program).await
    }

    /// Starts a tool.
    ///
    /// # Errors
    /// `denied` for an argument outside the tool's policy (nothing has run then); otherwise as [`ToolSet::version`].
    pub async fn run(
        &self,
        scope: &ToolScope,
        tool: &str,
        arguments: &[String],
        stdin: Option<ByteSource>,
    ) -> Result<Process> {
        let policy = policy::of(tool)?;
        let tool = policy.tool;
        let places = Places {
            scratch: scope.scratch.clone(),
            staging: scope.staging.clone(),
            increment: scope.increment.clone(),
            data: scope.data_dir.clone(),
        };
        let Admitted { arguments, terms } = policy.admit(arguments, &places)?;
        match (terms.reads_stdin, stdin.is_some()) {
            (true, false) => return Err(Failure::invalid(format!("{tool} needs something on its standard input"))),
            (false, true) => return Err(Failure::denied(format!("{tool} takes nothing on its standard input"))),
            _ => {}
        }
        let mut read = self.shared.readable.get(tool).cloned().unwrap_or_default();
        if terms.reads_data {
            let data_dir = scope.data_dir.clone().ok_or_else(|| {
                Failure::invalid(format!("{tool} reads the data directory, and none is configured"))
                    .with_hint("set data_dir in the [[service]] section")
            })?;
            read.push(data_dir);
        }
        let mut host_arguments: Vec<_> = terms.host_arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let connection = match terms.connects {
            Some(section) => {
                let missing =
                    || Failure::invalid(format!("{tool} connects to the service, and no connection is configured"));
                Some((scope.connection.as_deref().ok_or_else(missing)?, section))
            }
            None => None,
        };
        if tool == "mariadb" && connection.is_some_and(|(connection, _)| connection.throw_away) {
            // What is replayed there may load files that were logged; the tool sees those of its own scratch only.
            host_arguments.retain(|argument| argument != "--local-infile=0");
            host_arguments.push("--local-infile=1".to_owned());
        }
        if terms.no_defaults {
            host_arguments.insert(0, "--no-defaults".to_owned());
        }
        let write: Vec<_> = [Some(scope.scratch.clone()), scope.staging.clone(), scope.increment.clone()]
            .into_iter()
            .flatten()
            .collect();
        if terms.settings_of_backup {
            host_arguments.splice(0..0, prepare::arguments(&arguments, &write));
        }
        let mut arguments = arguments;
        if terms.raw_to_stdout {
            arguments.insert(0, raw::to_stdout(&scope.scratch, &arguments)?);
        }
        let order = LaunchOrder {
            host_pid: rustix::process::getpid().as_raw_nonzero().get(),
            program: self.find(tool)?,
            arguments: host_arguments.into_iter().chain(arguments).collect(),
            environment: environment(Some(&scope.scratch))?,
            defaults: connection.map(|(connection, section)| defaults::text(connection, section)).transpose()?,
            read,
            write,
            connect_ports: connection.map(|(connection, _)| ports(connection)).unwrap_or_default(),
        };
        if scope.cancel.is_cancelled() {
            return Err(Failure::cancelled());
        }
        let invocation = Invocation {
            tool,
            order,
            directory: scope.scratch.clone(),
            stdin,
            success: terms.success,
            secret: connection.map(|(connection, _)| connection.password.clone()),
            observer: Some(Arc::clone(&scope.observer)),
            cancel: scope.cancel.clone(),
            deadline: scope.deadline,
        };
        let process = process::start(&self.shared.launcher, invocation).await?;
        tracing::debug!(tool, attempt = %scope.attempt, pid = process.id(), "tool started");
        Ok(process)
    }

    /// The program of a tool, links resolved.
    fn find(&self, tool: &str) -> Result<PathBuf> {
        let named = self.shared.paths.get(tool);
        let found = match named {
            Some(path) => Some(path.clone()).filter(|path| is_program(path)),
            None => {
                let path = std::env::var_os("PATH").unwrap_or_default();
                let places = std::env::split_paths(&path).filter(|place| place.is_absolute());
                let mut programs = places.chain(SEARCHED.map(PathBuf::from)).map(|place| place.join(tool));
                programs.find(|path| is_program(path))
            }
        };
        let found = found.and_then(|path| path.canonicalize().ok());
        found.ok_or_else(|| {
            let at = named.map(|path| format!(" at {}", path.display())).unwrap_or_default();
            let package = match tool {
                "mariadb-backup" | "mbstream" => "mariadb-backup",
                throw_away::SERVER | throw_away::INSTALLER => "mariadb-server-core",
                _ => "mariadb-client",
            };
            Failure::unavailable(format!("tool `{tool}` was not found{at}"))
                .with_hint(format!("apt-get install -y {package}, or set [tools.{tool}] path"))
                .with_retry(false)
        })
    }
}

fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

/// All that a tool learns from its environment. UTC, as `mariadb-binlog` reads its times in the local zone.
fn environment(scratch: Option<&Path>) -> Result<Vec<(String, String)>> {
    let mut variables = vec![("PATH", SEARCHED.join(":")), ("LC_ALL", "C.UTF-8".to_owned()), ("TZ", "UTC".to_owned())];
    if let Some(scratch) = scratch {
        let path =
            scratch.to_str().ok_or_else(|| Failure::invalid("the path of the scratch directory is not UTF-8"))?;
        variables.push(("TMPDIR", path.to_owned()));
    }
    Ok(variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// The server's port, and that of name servers when there is a name to look up (they usually answer over UDP).
fn ports(connection: &Connection) -> Vec<u16> {
    match &connection.socket {
        Some(_) => Vec::new(),
        None if connection.host.parse::<std::net::IpAddr>().is_ok() => vec![connection.port],
        None => vec![connection.port, 53],
    }
}
