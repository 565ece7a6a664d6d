//! What one call of a plugin may use, and the accounting that stops it.

use std::time::Duration;

use wasmtime::ResourceLimiter;

/// How often a computing plugin is looked at.
pub(crate) const TICK: Duration = Duration::from_millis(100);

/// Core instances, tables and memories that one component may be made of; first-party plugins need fewer than ten.
const MOST_PARTS: usize = 100;

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

/// The plugin wanted more memory than it may have.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("used more than its {} MiB of memory", .limit_bytes >> 20)]
pub(crate) struct OverMemory {
    limit_bytes: usize,
}

/// The plugin computed for too long without asking the host for anything.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("computed for {} s without a pause", .limit.as_secs_f32())]
pub(crate) struct OverCompute {
    limit: Duration,
}

/// Counts the memory of one store, all memories together.
#[derive(Debug)]
pub(crate) struct MemoryCap {
    used_bytes: usize,
    limit_bytes: usize,
}

impl MemoryCap {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { used_bytes: 0, limit_bytes: limits.memory_bytes }
    }
}

impl ResourceLimiter for MemoryCap {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let used = self.used_bytes.saturating_add(desired.saturating_sub(current));
        if used > self.limit_bytes {
            return Err(OverMemory { limit_bytes: self.limit_bytes }.into());
        }
        self.used_bytes = used;
        Ok(true)
    }

    fn table_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= 100_000)
    }

    fn instances(&self) -> usize {
        MOST_PARTS
    }

    fn tables(&self) -> usize {
        MOST_PARTS
    }

    fn memories(&self) -> usize {
        MOST_PARTS
    }
}

/// Counts the ticks that passed while the guest computed, since it last came to the host.
#[derive(Debug)]
pub(crate) struct ComputeClock {
    ticks: u32,
    limit: Duration,
}

impl ComputeClock {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { ticks: 0, limit: limits.compute }
    }

    /// The guest came to the host.
    pub(crate) fn rest(&mut self) {
        self.ticks = 0;
    }

    /// A tick passed while the guest computed.
    pub(crate) fn tick(&mut self) -> Result<(), OverCompute> {
        self.ticks = self.ticks.saturating_add(1);
        if TICK * self.ticks > self.limit { Err(OverCompute { limit: self.limit }) } else { Ok(()) }
    }
}
