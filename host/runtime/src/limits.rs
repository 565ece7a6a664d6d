//! What one call of a plugin may use, and the accounting that stops it.

use std::time::Duration;

/// Upper bounds for one call of a plugin. Each can be changed per plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of linear memory, all memories of the instance together.
    pub memory_bytes: usize,
    /// Time the plugin may compute without asking the host for anything.
    pub compute: Duration,
    /// Wall-clock time for one call. A method's attempt brings its own; the shorter one counts.
    pub deadline: Duration,
    /// Log lines that are kept of one call.
    pub log_lines: u32,
    /// Bytes of log that are kept of one call.
    pub log_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 128 << 20,
            compute: Duration::from_secs(10),
            deadline: Duration::from_secs(24 * 60 * 60),
            log_lines: 10_000,
            log_bytes: 4 << 20,
        }
    }
}
