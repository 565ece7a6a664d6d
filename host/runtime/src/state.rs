//! What the host keeps beside one running plugin.

use std::collections::HashSet;
use std::sync::Arc;

use bulkhead_model::{Failure, Result};
use wasmtime::component::{HasData, ResourceTable};
use wasmtime_wasi::WasiCtx;

use crate::Attempt;
use crate::egress::Requests;
use crate::grants::Grants;
use crate::limits::{ComputeClock, MemoryCap};
use crate::log::CallLog;
use crate::tools::ToolSet;

/// Handles (processes, files, writers) that a plugin may hold at once.
const MOST_HANDLES: usize = 10_000;

/// The data of one store: one call of one plugin.
pub(crate) struct PluginState {
    pub(crate) table: ResourceTable,
    pub(crate) wasi: WasiCtx,
    pub(crate) memory: MemoryCap,
    pub(crate) compute: ComputeClock,
    pub(crate) log: Arc<CallLog>,
    pub(crate) grants: Arc<Grants>,
    pub(crate) tools: ToolSet,
    pub(crate) requests: Requests,
    /// Only a method's backup, restore and check have one.
    pub(crate) attempt: Option<Attempt>,
    /// Names of the objects that this call has written or is writing.
    pub(crate) written: HashSet<String>,
    /// Whether the data directory has been swapped in this call.
    pub(crate) swapped: bool,
    pub(crate) replacement: Replacement,
}

/// Whether a call may replace what its service holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Replacement {
    /// It is no restore.
    Forbidden,
    Allowed,
    /// It has said so.
    Begun,
}

impl PluginState {
    pub(crate) fn table() -> ResourceTable {
        let mut table = ResourceTable::new();
        table.set_max_capacity(MOST_HANDLES);
        table
    }

    /// The attempt, which some calls do not have: `describe` and `validate` ask nothing of the host.
    pub(crate) fn attempt(&self) -> Result<&Attempt> {
        self.attempt.as_ref().ok_or_else(|| Failure::denied("only backup, restore and check may ask this of the host"))
    }

    /// The attempt of a plugin that holds `grant`.
    pub(crate) fn granted(&self, grant: &str) -> Result<&Attempt> {
        self.grants.check(grant)?;
        self.attempt()
    }
}

/// How imports reach the state.
pub(crate) struct Host;

impl HasData for Host {
    type Data<'a> = &'a mut PluginState;
}
