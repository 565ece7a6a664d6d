//! One at a time in each data directory, whichever attempt of this process asks.
//!
//! A swap outlives the attempt that began it when that attempt loses its lease or its time is over. The next attempt must wait for
//! it: what it meets before would be neither the old data nor the new.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

use super::places::Places;

static TURNS: LazyLock<Mutex<HashMap<PathBuf, Weak<tokio::sync::Mutex<()>>>>> = LazyLock::new(Mutex::default);

/// The lock to be held while something is done in, or beside, a data directory.
pub(super) fn turn_at(places: &Places) -> Arc<tokio::sync::Mutex<()>> {
    let mut turns = TURNS.lock().unwrap_or_else(PoisonError::into_inner);
    turns.retain(|_, turn| turn.strong_count() > 0);
    if let Some(turn) = turns.get(&places.data_dir).and_then(Weak::upgrade) {
        return turn;
    }
    let turn = Arc::default();
    turns.insert(places.data_dir.clone(), Arc::downgrade(&turn));
    turn
}
