//! The `bulkhead` binary: served in a directory of its own, and used from the command line.

mod command;
mod http;
mod leftovers;
mod settings;
mod stand_in;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::guardian::Guardian;
use crate::problem::{Problem, Result};
use crate::process;

pub use command::CommandOutput;
pub use http::HttpAnswer;
pub use settings::{HostOptions, JWT_SECRET, ServiceEntry};
pub use stand_in::StandIn;

/// Compiling the components into an empty cache takes a while on a busy machine.
const READY_DEADLINE: Duration = Duration::from_secs(120);

/// A host with its own directory: `bulkhead.toml`, `data/` and the target `bucket/`. Dropping it kills the process.
pub struct BulkheadHost {
    directory: TempDir,
    options: HostOptions,
    process: Option<Child>,
    url: String,
    /// By organization and role, with the time of their making.
    tokens: Mutex<BTreeMap<(String, String), (String, Instant)>>,
    _guardian: Guardian,
}

impl BulkheadHost {
    /// Writes the configuration and serves it; returns when the address is known.
    pub fn start(options: HostOptions) -> Result<Self> {
        let mut host = Self::prepare(options)?;
        host.launch(&[])?;
        Ok(host)
    }

    /// Writes the configuration only.
    pub fn prepare(options: HostOptions) -> Result<Self> {
        let parent = options.parent.clone().unwrap_or_else(std::env::temp_dir);
        fs::create_dir_all(&parent)?;
        let directory = tempfile::Builder::new().prefix("bulkhead-host-").tempdir_in(parent)?;
        let guardian = Guardian::watch(&directory.path().join("pid"), &[directory.path()])?;
        let host = Self {
            directory,
            options,
            process: None,
            url: String::new(),
            tokens: Mutex::default(),
            _guardian: guardian,
        };
        fs::create_dir_all(host.bucket())?;
        fs::write(host.dir().join("bulkhead.toml"), settings::render(&host.options, &host.bucket()))?;
        Ok(host)
    }

    /// Serves, with more environment (e.g. a fail point) for this run; returns when the address is known.
    pub fn launch(&mut self, environment: &[(&str, &str)]) -> Result<()> {
        self.kill()?;
        let (out, log) = (self.dir().join("serve.out"), self.dir().join("serve.log"));
        let mut serve = self.binary();
        serve
            .args(["serve", "--config"])
            .arg(self.dir().join("bulkhead.toml"))
            .envs(environment.iter().copied())
            .stdout(File::create(&out)?)
            .stderr(File::options().create(true).append(true).open(&log)?)
            // A terminal's Ctrl-C is for whoever started us, who then drops the host.
            .process_group(0);
        let mut child = serve.spawn().map_err(|error| {
            let program = serve.get_program().to_string_lossy();
            Problem::new(format!("{program} does not start: {error}; hint: `cargo build`"))
        })?;
        fs::write(self.dir().join("pid"), child.id().to_string())?;
        let found = process::wait_until("bulkhead serve prints its address", READY_DEADLINE, || {
            if let Some(status) = child.try_wait()? {
                return Err(Problem::new(format!("bulkhead serve ended with {status}:\n{}", self.log_tail())));
            }
            let printed = fs::read_to_string(&out)?;
            let address = printed.lines().find_map(|line| line.split_once("listening on ")).map(|(_, url)| url.trim());
            Ok(address.map(str::to_owned))
        });
        self.process = Some(child);
        self.url = found?;
        Ok(())
    }

    /// Its directory.
    pub fn dir(&self) -> &Path {
        self.directory.path()
    }

    /// The root of the filesystem target.
    pub fn bucket(&self) -> PathBuf {
        self.options.bucket.clone().unwrap_or_else(|| self.dir().join("bucket"))
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The serving process, if it runs.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Child::id).filter(|pid| process::alive(*pid))
    }

    /// `kill -9`; a host that is down already is no problem.
    pub fn kill(&mut self) -> Result<()> {
        if let Some(mut child) = self.process.take() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    /// SIGTERM, then waits for a shutdown in good order; gives the exit code.
    pub fn stop(&mut self, deadline: Duration) -> Result<Option<i32>> {
        if let Some(child) = &self.process {
            process::terminate(child.id());
        }
        self.wait_for_exit(deadline)
    }

    /// Waits until the process has ended by itself (e.g. at a fail point); gives its exit code, `None` after a signal.
    pub fn wait_for_exit(&mut self, deadline: Duration) -> Result<Option<i32>> {
        let Some(child) = &mut self.process else { return Ok(None) };
        let status = process::wait_until("bulkhead serve ends", deadline, || Ok(child.try_wait()?))?;
        self.process = None;
        Ok(status.code())
    }

    /// A line of `/proc/<pid>/status` in KiB, e.g. `VmHWM` (the most memory it ever held) or `VmRSS`.
    pub fn memory_kib(&self, line: &str) -> Option<u64> {
        process::memory_kib(self.pid()?, line)
    }

    /// Everything it logged, over all runs.
    pub fn log(&self) -> String {
        let out = fs::read_to_string(self.dir().join("serve.out")).unwrap_or_default();
        let log = fs::read_to_string(self.dir().join("serve.log")).unwrap_or_default();
        format!("{log}{out}")
    }

    /// The last lines it logged.
    pub fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(25)..].join("\n")
    }
}

impl Drop for BulkheadHost {
    fn drop(&mut self) {
        // Nothing is left to do about a process that cannot be killed.
        let _ = self.kill();
    }
}
