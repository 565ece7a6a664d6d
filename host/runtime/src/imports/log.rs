//! `bulkhead:host/log`

use crate::Level;
use crate::state::PluginState;

/// Keeps a line of the plugin's log, within its cap.
pub(crate) fn write(state: &mut PluginState, level: Level, message: &str, fields: &[(String, String)]) {
    state.log.write(level, message, fields);
}
