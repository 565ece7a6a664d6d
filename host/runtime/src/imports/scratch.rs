//! `bulkhead:host/scratch`

use crate::state::PluginState;

/// Bytes that may lie in `/scratch`; 0 for a plugin that has none.
pub(crate) fn limit(state: &PluginState) -> u64 {
    state.granted("scratch").map_or(0, |attempt| attempt.scratch_limit)
}
