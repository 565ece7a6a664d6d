//! Native programs that the host runs for the plugin. Grant: `tool:<name>`.
//!
//! Arguments name places as the plugin sees them (`/scratch/...`, `/staging/...`, `/data`). Connection arguments and credentials are the
//! host's affair and are refused.

use super::Source;
use crate::Result;
use crate::bindings::method::bulkhead::host::tools as host;

pub use host::Exit;

/// A tool that runs. Dropping it kills the tool and its children.
pub struct Process(host::Process);

impl Process {
    /// Takes the tool's standard output; once. It ends well only when the host judged the whole run a success.
    ///
    /// # Errors
    /// `conflict` when it was taken before.
    pub fn stdout(&self) -> Result<Source> {
        self.0.stdout().map(Source)
    }

    /// Waits for the tool to end and to be judged. Standard output that was not taken is discarded.
    ///
    /// # Errors
    /// The run's failure, with the end of what the tool wrote to its standard error.
    pub async fn wait(&self) -> Result<Exit> {
        self.0.wait().await
    }
}

/// The version that the tool states of itself, e.g. `10.11.19-MariaDB`.
///
/// # Errors
/// `denied` without the grant, `not-found` when the host has no such tool.
pub async fn version(tool: &str) -> Result<String> {
    host::version(tool.to_owned()).await
}

/// Starts a tool. A `stdin` that came from the host is wired up directly: its bytes do not enter the plugin. When that source
/// fails, the run fails.
///
/// # Errors
/// `denied` without the grant, `invalid` for arguments that the tool's policy does not know.
pub async fn run<A: Into<String>>(
    tool: &str,
    arguments: impl IntoIterator<Item = A>,
    stdin: Option<Source>,
) -> Result<Process> {
    let arguments = arguments.into_iter().map(Into::into).collect();
    host::run(tool.to_owned(), arguments, stdin.map(|source| source.0)).await.map(Process)
}
