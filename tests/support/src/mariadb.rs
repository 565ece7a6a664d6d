//! A private MariaDB server.

mod account;
mod circumstances;
mod client;
mod keys;
mod scripts;
mod template;

use std::fs;
use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use crate::guardian::Guardian;
use crate::problem::{Problem, Result};
use crate::process;

use self::circumstances::Circumstances;

pub use account::Account;
pub use client::Session;

/// Long enough for a server that replays its log on a busy machine.
const START_DEADLINE: Duration = Duration::from_secs(90);

/// How a server is started.
#[derive(Clone, Debug, Default)]
pub struct MariaDbOptions {
    /// Where its directory is made; the system's temporary directory by default.
    pub parent: Option<PathBuf>,
    /// With keys for encryption at rest; see [`MariaDb::can_encrypt`].
    pub encryption: bool,
    /// More arguments for `mariadbd`, e.g. `--innodb-buffer-pool-size=1G`.
    pub arguments: Vec<String>,
    /// Its time zone, e.g. `Europe/Berlin`. By default it is drawn, as is the format of its log, for each test.
    pub zone: Option<&'static str>,
    /// Arguments that its data directory is also made with, e.g. `--innodb-page-size=32k`.
    pub layout: Vec<String>,
}

/// A MariaDB server on loopback, with binary log and GTIDs. Dropping it kills it and removes its directory.
///
/// It is always started and stopped through two scripts in its directory, the same that Bulkhead is configured
/// with, so a restore may swap the data directory and restart the server under this object.
#[derive(Debug)]
pub struct MariaDb {
    directory: TempDir,
    /// A short path: the name of a socket may have 107 bytes.
    socket_dir: TempDir,
    port: u16,
    encrypted: bool,
    _guardian: Guardian,
}

impl MariaDb {
    /// A fresh, empty server with default options.
    pub fn start() -> Result<Self> {
        Self::start_with(&MariaDbOptions::default())
    }

    /// A fresh, empty server.
    pub fn start_with(options: &MariaDbOptions) -> Result<Self> {
        let server = Self::prepare(options)?;
        template::copy_to(&server.data_dir(), &options.layout)?;
        server.launch()?;
        server.create_accounts()?;
        Ok(server)
    }

    /// Makes the data directory of a server that has not run yet, for whoever starts one in his own way: no database, and no
    /// account but root, who needs no password.
    pub fn install(data_dir: &Path) -> Result<()> {
        template::copy_to(data_dir, &[])
    }

    /// A server over a data directory that somebody else made (a restore by hand), moved into its own directory.
    pub fn start_over(data_dir: &Path, options: &MariaDbOptions) -> Result<Self> {
        let server = Self::prepare(options)?;
        fs::rename(data_dir, server.data_dir()).map_err(|error| {
            Problem::new(format!("{} cannot be moved beside the server: {error}", data_dir.display()))
        })?;
        server.launch()?;
        Ok(server)
    }

    /// Whether this machine's server can encrypt at rest (it has the plugin `file_key_management`).
    pub fn can_encrypt() -> bool {
        keys::plugin_dir().is_some()
    }

    fn prepare(options: &MariaDbOptions) -> Result<Self> {
        let parent = options.parent.clone().unwrap_or_else(std::env::temp_dir);
        fs::create_dir_all(&parent)?;
        let directory = tempfile::Builder::new().prefix("bulkhead-mariadb-").tempdir_in(parent)?;
        let socket_dir = tempfile::Builder::new().prefix("bh-").tempdir()?;
        let guardian = Guardian::watch(&directory.path().join("pid"), &[directory.path(), socket_dir.path()])?;
        let port = process::free_port()?;
        let server = Self { directory, socket_dir, port, encrypted: options.encryption, _guardian: guardian };
        for name in ["tmp", "log"] {
            fs::create_dir(server.dir().join(name))?;
        }
        let Circumstances { zone, mut arguments } = Circumstances::draw();
        arguments.extend(options.layout.iter().chain(&options.arguments).cloned());
        if options.encryption {
            arguments.extend(keys::arguments(server.dir())?);
        }
        scripts::write(&server, options.zone.unwrap_or(zone), &arguments)?;
        Ok(server)
    }

    /// Its directory, with everything else in it.
    pub fn dir(&self) -> &Path {
        self.directory.path()
    }

    /// Its data directory.
    pub fn data_dir(&self) -> PathBuf {
        self.dir().join("data")
    }

    /// Its socket.
    pub fn socket(&self) -> PathBuf {
        self.socket_dir.path().join("s")
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether it has keys for encryption at rest.
    pub fn encrypted(&self) -> bool {
        self.encrypted
    }

    /// What `mariadb-backup` has to read besides the data directory: the keys and the plugin of a server that encrypts at rest.
    pub fn key_files(&self) -> Vec<PathBuf> {
        if self.encrypted {
            [Some(self.dir().join("keys")), keys::plugin_dir()].into_iter().flatten().collect()
        } else {
            Vec::new()
        }
    }

    /// The command that starts it and returns at once.
    pub fn start_command(&self) -> Vec<String> {
        vec![self.dir().join("start.sh").to_string_lossy().into_owned()]
    }

    /// The command that stops it and returns when it is gone.
    pub fn stop_command(&self) -> Vec<String> {
        vec![self.dir().join("stop.sh").to_string_lossy().into_owned()]
    }

    /// The process that runs now, whoever started it.
    pub fn pid(&self) -> Option<u32> {
        let pid = fs::read_to_string(self.pid_file()).ok()?.trim().parse().ok()?;
        process::is_running(pid, self.dir()).then_some(pid)
    }

    /// Starts it and waits until it answers.
    pub fn launch(&self) -> Result<()> {
        let finished = process::run(&mut process::command(&self.start_command()[0]), b"", START_DEADLINE)?;
        if finished.code != Some(0) {
            return Err(Problem::new(format!("start.sh failed: {}", finished.stderr)));
        }
        process::wait_until("the server answers", START_DEADLINE, || {
            // By its number alone: it was just started, and nobody else has that number.
            let written = fs::read_to_string(self.pid_file()).unwrap_or_default();
            if written.trim().parse().ok().is_none_or(|pid| !process::alive(pid)) {
                let written = written.trim();
                return Err(Problem::new(format!("mariadbd (pid `{written}`) ended at once:\n{}", self.log_tail())));
            }
            Ok(self.answers().then_some(()))
        })
    }

    /// Stops it in good order.
    pub fn stop(&self) -> Result<()> {
        let finished = process::run(&mut process::command(&self.stop_command()[0]), b"", START_DEADLINE)?;
        if finished.code == Some(0) {
            Ok(())
        } else {
            Err(Problem::new(format!("stop.sh failed: {}", finished.stderr)))
        }
    }

    /// Kills it as a power cut would, and waits until it is gone.
    pub fn kill(&self) -> Result<()> {
        let Some(pid) = self.pid() else { return Ok(()) };
        process::kill(pid);
        process::wait_until("mariadbd is gone", START_DEADLINE, || Ok((!process::alive(pid)).then_some(())))
    }

    /// Whether it greets a new connection, seen from outside over TCP: within microseconds, and without logging in.
    pub fn answers(&self) -> bool {
        let address = SocketAddr::from(([127, 0, 0, 1], self.port));
        let Ok(mut stream) = TcpStream::connect_timeout(&address, Duration::from_secs(1)) else { return false };
        let mut greeting = [0_u8; 5];
        stream.set_read_timeout(Some(Duration::from_secs(1))).is_ok()
            && stream.read_exact(&mut greeting).is_ok()
            // After the packet's length and number stands the protocol version; an error packet has 0xff there.
            && greeting[4] == 10
    }

    /// The last lines of its error log.
    pub fn log_tail(&self) -> String {
        let read = |name: &str| fs::read(self.dir().join("log").join(name)).unwrap_or_default();
        let log = [read("error.log"), read("console.log")].concat();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
    }

    fn pid_file(&self) -> PathBuf {
        self.dir().join("pid")
    }
}

impl Drop for MariaDb {
    fn drop(&mut self) {
        if let Some(pid) = self.pid() {
            process::kill(pid);
            // The directory goes next: a server that still writes would leave it behind.
            let _ = process::wait_until("mariadbd is gone", Duration::from_secs(10), || {
                Ok((!process::alive(pid)).then_some(()))
            });
        }
    }
}
