//! `bulkhead:host/progress`

use crate::state::PluginState;

/// Longer names are refused silently: progress is for people.
const LONGEST_PHASE: usize = 64;

/// A phase begins.
pub(crate) fn phase(state: &mut PluginState, name: &str) {
    let plain = name.len() <= LONGEST_PHASE && !name.is_empty() && !name.contains(char::is_control);
    if let Some(attempt) = state.attempt.as_ref().filter(|_| plain) {
        attempt.observer.phase(name);
    }
}

/// The attempt expects to move so many plain bytes.
pub(crate) fn expect(state: &mut PluginState, plain_bytes: u64) {
    if let Some(attempt) = &state.attempt {
        attempt.observer.expect(plain_bytes);
    }
}
