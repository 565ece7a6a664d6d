//! A tool that runs.

use bulkhead_model::Result;

use crate::ByteSource;

/// How a tool ended that did well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    /// Its exit code.
    pub code: i32,
    /// The end of what it wrote to its standard error.
    pub stderr: String,
}

/// A tool that runs. Dropping it kills the tool and its children.
#[derive(Debug)]
pub struct Process {
    stdout: std::sync::Mutex<Option<ByteSource>>,
}

impl Process {
    /// The tool's standard output; once. Its `done` resolves after the tool has exited and was judged.
    pub fn stdout(&self) -> Option<ByteSource> {
        self.stdout.lock().ok()?.take()
    }

    /// Waits for the tool to end and to be judged. Standard output that was not taken is discarded.
    ///
    /// # Errors
    /// Why the run was no success; the same for every call.
    pub async fn wait(&self) -> Result<Exit> {
        todo!()
    }
}
