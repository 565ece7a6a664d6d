//! Native programs that the host runs for a plugin: under a typed argument policy, in a sandbox of their own, judged by the host.

mod launch;
mod policy;
mod process;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bulkhead_model::{AttemptId, Result};
use tokio_util::sync::CancellationToken;

use crate::{Attempt, ByteSource, Connection, Observer};

pub use launch::{LAUNCH_COMMAND, launcher_main};
pub use process::{Exit, Process};

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
}

/// What a tool may touch: the parts of an [`Attempt`] that concern it.
#[derive(Clone)]
pub struct ToolScope {
    /// On every log line.
    pub attempt: AttemptId,
    /// What the tool sees as `/scratch`.
    pub scratch: PathBuf,
    /// What the tool sees as `/staging`.
    pub staging: Option<PathBuf>,
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
        Self { shared: Arc::new(Shared { launcher, paths }) }
    }

    /// The version that a tool states of itself, e.g. `10.11.19-MariaDB`.
    ///
    /// # Errors
    /// `unsupported` for a name that has no policy, `unavailable` when the program is not there.
    pub async fn version(&self, _tool: &str) -> Result<String> {
        todo!()
    }

    /// Starts a tool.
    ///
    /// # Errors
    /// `denied` for an argument outside the tool's policy (nothing has run then); otherwise as [`ToolSet::version`].
    pub async fn run(
        &self,
        _scope: &ToolScope,
        _tool: &str,
        _arguments: &[String],
        _stdin: Option<ByteSource>,
    ) -> Result<Process> {
        todo!()
    }
}
