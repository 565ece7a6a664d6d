//! A MariaDB server of the host's own: on data that a restore has made, reached by a socket that nobody else knows, without network.
//! Restores to a moment replay logs there, and drills look whether what it holds is what was backed up.

use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bulkhead_model::{Failure, LocalTime, Result};
use tokio::time::Instant;

use super::launch::LaunchOrder;
use super::policy::Success;
use super::process::{self, Invocation, Process};
use super::{ToolScope, ToolSet, environment, prepare};
use crate::Connection;

/// The server's program.
pub(super) const SERVER: &str = "mariadbd";
/// The script that makes an empty data directory.
pub(super) const INSTALLER: &str = "mariadb-install-db";

/// Between two questions whether it answers.
const POLL: Duration = Duration::from_millis(50);
/// The most time until it answers: it may have to recover.
const START_DEADLINE: Duration = Duration::from_mins(10);
/// The most time for going down, with much in memory.
const STOP_DEADLINE: Duration = Duration::from_mins(30);
/// One question.
const ASK: Duration = Duration::from_secs(5);
/// One statement.
const STATEMENT: Duration = Duration::from_secs(60);
/// The longest path of a socket, with its final zero.
const SOCKET_PATH: usize = 107;

/// What a throw-away server is to be like.
#[derive(Clone, Debug)]
pub struct ThrowAwayServerOptions {
    /// Its data directory, prepared or empty.
    pub data_dir: PathBuf,
    /// A directory for its socket; made when it is not there.
    pub run_dir: PathBuf,
    /// How the server whose data it is compares names.
    pub lower_case_table_names: Option<u8>,
    /// Bytes of its buffer pool.
    pub buffer_pool: u64,
    /// How the data is encrypted that a new server gets; what is prepared brings its own settings.
    pub keys: Option<ServerKeys>,
    /// Variables and their values, for each start. One that the program does not know is passed over.
    pub settings: Vec<(&'static str, String)>,
    /// Its local time; UTC when there is none.
    pub local_time: Option<LocalTime>,
}

/// The keys of a server that encrypts its data, by the plugin `file_key_management`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerKeys {
    /// The file with the keys.
    pub file: PathBuf,
    /// `aes_cbc` or `aes_ctr`.
    pub algorithm: String,
    /// Where the plugin lies.
    pub plugin_dir: PathBuf,
}

/// A server of the host's own. It runs between `start` and `stop`; dropping it kills it.
pub struct ThrowAwayServer {
    tools: ToolSet,
    scope: ToolScope,
    options: ThrowAwayServerOptions,
    run_dir: PrivateDir,
    connection: Arc<Connection>,
    process: Mutex<Option<Arc<Process>>>,
}

impl std::fmt::Debug for ThrowAwayServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ThrowAwayServer").field("options", &self.options).finish_non_exhaustive()
    }
}

impl ThrowAwayServer {
    /// Looks whether this machine has the programs.
    ///
    /// # Errors
    /// `unavailable`, with the package that has them.
    pub fn look_for_programs(tools: &ToolSet) -> Result<()> {
        tools.find(SERVER).and_then(|_server| tools.find(INSTALLER)).map(drop)
    }

    /// A server that does not run yet, of which is known already how it will be reached.
    ///
    /// # Errors
    /// `unavailable` when there is no place for its socket.
    pub fn new(tools: ToolSet, scope: ToolScope, options: ThrowAwayServerOptions) -> Result<Self> {
        let run_dir = PrivateDir::new(&options.run_dir)?;
        let [name, secret] = [random::<4>()?.as_slice(), random::<16>()?.as_slice()].map(hex::encode);
        let connection = Connection {
            host: String::new(),
            port: 0,
            socket: Some(run_dir.0.join("s")),
            user: format!("bulkhead-{name}"),
            // Of every kind of character, for servers that check passwords.
            password: format!("Aa1!{secret}"),
            throw_away: true,
            http: None,
        };
        Ok(Self { tools, scope, options, run_dir, connection: Arc::new(connection), process: Mutex::default() })
    }

    /// How to reach it once it runs, as an account that may do everything.
    pub fn connection(&self) -> Arc<Connection> {
        Arc::clone(&self.connection)
    }

    /// Makes an empty server's files in its data directory, which exists and is empty.
    ///
    /// # Errors
    /// `unavailable` when the programs are not there, otherwise what the tool says.
    pub async fn install(&self) -> Result<()> {
        let mut arguments = vec![
            "--no-defaults".to_owned(),
            format!("--datadir={}", utf8(&self.options.data_dir)?),
            "--skip-test-db".to_owned(),
            "--skip-name-resolve".to_owned(),
            "--force".to_owned(),
        ];
        arguments.extend(self.settings());
        arguments.extend(as_root());
        let process = self.run(INSTALLER, arguments).await?;
        process.wait().await.map(drop).map_err(|failure| failure.context("making an empty data directory"))
    }

    /// Starts it and waits until it answers.
    ///
    /// # Errors
    /// `unavailable` when the program is not there, otherwise why it does not come up.
    pub async fn start(&self) -> Result<()> {
        let init = self.run_dir.0.join("init.sql");
        self.write_account(&init)?;
        let mut arguments = prepare::settings(&self.options.data_dir, &self.writable());
        arguments.extend([
            format!("--datadir={}", utf8(&self.options.data_dir)?),
            format!("--socket={}", utf8(&self.run_dir.0.join("s"))?),
            format!("--pid-file={}", utf8(&self.run_dir.0.join("pid"))?),
            format!("--init-file={}", utf8(&init)?),
            format!("--tmpdir={}", utf8(&self.scope.scratch)?),
            format!("--innodb-buffer-pool-size={}", self.options.buffer_pool),
            "--skip-networking".to_owned(),
            "--skip-log-bin".to_owned(),
            "--skip-slave-start".to_owned(),
            "--skip-name-resolve".to_owned(),
            // Not DISABLED: then no event could be made, as a dump does.
            "--event-scheduler=OFF".to_owned(),
            "--max-allowed-packet=1G".to_owned(),
            "--log-bin-trust-function-creators=1".to_owned(),
            // A server that dies here is thrown away; what it wrote lasts once it has ended as asked.
            "--innodb-flush-log-at-trx-commit=0".to_owned(),
        ]);
        arguments.extend(self.settings());
        if let Some(keys) = &self.options.keys {
            arguments.extend([
                format!("--plugin-dir={}", utf8(&keys.plugin_dir)?),
                "--plugin-load-add=file_key_management".to_owned(),
                format!("--file-key-management-filename={}", utf8(&keys.file)?),
                format!("--file-key-management-encryption-algorithm={}", keys.algorithm),
            ]);
        }
        arguments.extend(as_root());
        let process = Arc::new(self.run(SERVER, arguments).await?);
        *self.running() = Some(Arc::clone(&process));
        self.wait_until_it_answers(&process).await.map_err(|failure| failure.context("the throw-away server"))?;
        tracing::debug!(attempt = %self.scope.attempt, pid = process.id(), "a throw-away server answers");
        Ok(())
    }

    /// Whether it was started and not stopped.
    pub fn is_running(&self) -> bool {
        self.running().is_some()
    }

    /// Takes its own account away and ends it in good order, so that another server can start on the data.
    ///
    /// # Errors
    /// When it did not end as asked: the data is not to be used then.
    pub async fn stop(&self) -> Result<()> {
        let Some(process) = self.running().take() else { return Ok(()) };
        let account = format!("DROP USER IF EXISTS '{}'@'localhost'", self.connection.user);
        self.connection.query(&account, STATEMENT, 4096).await?;
        process.terminate();
        let ended = tokio::time::timeout(STOP_DEADLINE, process.wait()).await;
        let late = || Failure::unavailable("it did not end in time");
        ended.unwrap_or_else(|_| Err(late())).map(drop).map_err(|failure| failure.context("the throw-away server"))
    }

    /// Ends it at once; its data is worth nothing then.
    pub async fn kill(&self) {
        let process = self.running().take();
        if let Some(process) = process {
            process.kill();
            let _dead = process.wait().await;
        }
    }

    fn running(&self) -> MutexGuard<'_, Option<Arc<Process>>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn wait_until_it_answers(&self, process: &Process) -> Result<()> {
        let end = Instant::now() + START_DEADLINE;
        loop {
            let failure = match self.connection.ping(ASK).await {
                Ok(_version) => return Ok(()),
                Err(failure) => failure,
            };
            if Instant::now() >= end {
                return Err(failure);
            }
            tokio::select! {
                ended = process.wait() => return match ended {
                    Ok(_) => Err(Failure::unavailable("it ended before it answered")),
                    Err(failure) => Err(failure),
                },
                () = tokio::time::sleep(POLL) => {}
            }
        }
    }

    /// The statements by which the server makes the account when it starts.
    fn write_account(&self, file: &Path) -> Result<()> {
        let Connection { user, password, .. } = &*self.connection;
        let made = format!(
            "CREATE OR REPLACE USER '{user}'@'localhost' IDENTIFIED BY '{password}';\n\
             GRANT ALL PRIVILEGES ON *.* TO '{user}'@'localhost' WITH GRANT OPTION;\n"
        );
        let mut open = std::fs::OpenOptions::new();
        let opened = open.write(true).create(true).truncate(true).mode(0o600).open(file);
        opened.and_then(|mut file| file.write_all(made.as_bytes())).map_err(|error| cannot("write", file, &error))
    }

    /// What it has in common with the server whose data it gets.
    fn settings(&self) -> impl Iterator<Item = String> {
        let names = self.options.lower_case_table_names.map(|how| format!("--lower-case-table-names={how}"));
        let settings = self.options.settings.iter().map(|(name, value)| format!("--loose-{name}={value}"));
        names.into_iter().chain(settings)
    }

    /// `TZ` for a program of the host's own: a file, as the local time may be that of no zone with a name.
    fn local_time(&self) -> Result<Option<String>> {
        let Some(local_time) = &self.options.local_time else { return Ok(None) };
        let file = self.run_dir.0.join("localtime");
        std::fs::write(&file, local_time.tzif()).map_err(|error| cannot("write", &file, &error))?;
        Ok(Some(format!(":{}", utf8(&file)?)))
    }

    fn writable(&self) -> Vec<PathBuf> {
        vec![self.options.data_dir.clone(), self.run_dir.0.clone(), self.scope.scratch.clone()]
    }

    /// Runs a program of the host's own choice, with the files that the server's tools may read.
    async fn run(&self, tool: &'static str, arguments: Vec<String>) -> Result<Process> {
        let shared = &self.tools.shared;
        let mut variables = environment(Some(&self.scope.scratch))?;
        if let Some(zone) = self.local_time()? {
            variables.iter_mut().filter(|(name, _)| name == "TZ").for_each(|(_, value)| value.clone_from(&zone));
        }
        let readable = |tool: &str| shared.readable.get(tool).into_iter().flatten().cloned();
        let order = LaunchOrder {
            host_pid: rustix::process::getpid().as_raw_nonzero().get(),
            program: self.tools.find(tool)?,
            arguments,
            environment: variables,
            defaults: None,
            // The keys of encrypted data.
            read: readable(tool)
                .chain(readable("mariadb-backup"))
                .chain(self.options.keys.iter().flat_map(|keys| [keys.file.clone(), keys.plugin_dir.clone()]))
                .collect(),
            write: self.writable(),
            connect_ports: Vec::new(),
        };
        let invocation = Invocation {
            tool,
            order,
            directory: self.scope.scratch.clone(),
            stdin: None,
            success: Success::Code,
            secret: None,
            observer: None,
            cancel: self.scope.cancel.clone(),
            deadline: self.scope.deadline,
        };
        process::start(&shared.launcher, invocation).await
    }
}

/// A directory for a socket, removed with its owner.
struct PrivateDir(PathBuf);

impl PrivateDir {
    /// Where the usual place's path is too long for a socket, below the system's directory for temporary files.
    fn new(usual: &Path) -> Result<Self> {
        let name = hex::encode(random::<8>()?);
        let fits = usual.join(&name).join("s").as_os_str().len() < SOCKET_PATH;
        let path = if fits { usual.join(&name) } else { std::env::temp_dir().join(format!("bulkhead-{name}")) };
        if fits {
            std::fs::create_dir_all(usual).map_err(|error| cannot("make", usual, &error))?;
        }
        let made = std::fs::DirBuilder::new().mode(0o700).create(&path);
        made.map(|()| Self(path.clone())).map_err(|error| cannot("make", &path, &error))
    }
}

impl Drop for PrivateDir {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::debug!(dir = %self.0.display(), %error, "left to the next start");
        }
    }
}

fn random<const BYTES: usize>() -> Result<[u8; BYTES]> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).map_err(|error| Failure::internal(format!("no random bytes: {error}")))?;
    Ok(bytes)
}

fn cannot(what: &str, path: &Path, error: &std::io::Error) -> Failure {
    Failure::unavailable(format!("cannot {what} {}: {error}", path.display()))
}

fn utf8(path: &Path) -> Result<&str> {
    path.to_str().ok_or_else(|| Failure::invalid(format!("the path {} is not UTF-8", path.display())))
}

/// The server refuses to run as root unless it is told to.
fn as_root() -> Option<String> {
    rustix::process::geteuid().is_root().then(|| "--user=root".to_owned())
}
