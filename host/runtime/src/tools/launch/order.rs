//! What the host tells the launcher.

use std::path::PathBuf;

use bulkhead_model::{Failure, Result};
use serde::{Deserialize, Serialize};

/// What to run, and what it may touch. No `Debug`: it carries credentials.
#[derive(Deserialize, Serialize)]
pub(in crate::tools) struct LaunchOrder {
    /// The process that must be the parent.
    pub(in crate::tools) host_pid: i32,
    pub(in crate::tools) program: PathBuf,
    pub(in crate::tools) arguments: Vec<String>,
    /// The whole environment.
    pub(in crate::tools) environment: Vec<(String, String)>,
    /// Contents of the defaults file that becomes the first argument.
    pub(in crate::tools) defaults: Option<String>,
    /// Files and directories to read, besides what every program needs.
    pub(in crate::tools) read: Vec<PathBuf>,
    /// Directories to read and write.
    pub(in crate::tools) write: Vec<PathBuf>,
    /// TCP ports to connect to.
    pub(in crate::tools) connect_ports: Vec<u16>,
}

impl LaunchOrder {
    /// Both sides hold to it.
    pub(super) const MAX_BYTES: usize = 1 << 20;

    /// The order as the launcher reads it: its length in four bytes, little endian, then JSON.
    ///
    /// # Errors
    /// `invalid` for paths that are not UTF-8 and for orders past all measure.
    pub(in crate::tools) fn encode(&self) -> Result<Vec<u8>> {
        let text = serde_json::to_vec(self)
            .map_err(|error| Failure::invalid(format!("cannot hand on a launch order: {error}")))?;
        let length = u32::try_from(text.len()).ok().filter(|_| text.len() <= Self::MAX_BYTES);
        let length = length.ok_or_else(|| Failure::invalid("a launch order is too long"))?;
        Ok([length.to_le_bytes().as_slice(), &text].concat())
    }
}
