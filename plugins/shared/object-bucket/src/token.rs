//! The mark of one put.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Marks the object that one put makes, in its metadata. A put whose answer was lost finds out by it whether the object that is there is
/// its own: a second try says `exists` or `no such upload` also when the first one succeeded.
#[derive(Clone, Debug)]
pub struct PutToken {
    /// The mark: 32 hexadecimal digits.
    pub mark: String,
    /// Refuse when the object exists.
    pub if_absent: bool,
    doubtful: Arc<AtomicBool>,
}

impl PutToken {
    /// A mark that nothing has.
    pub fn new(if_absent: bool) -> Self {
        let half = || RandomState::new().build_hasher().finish();
        Self { mark: format!("{:016x}{:016x}", half(), half()), if_absent, doubtful: Arc::default() }
    }

    /// An upload may have been begun whose name never arrived.
    pub(crate) fn doubt(&self) {
        self.doubtful.store(true, Ordering::Relaxed);
    }

    /// Whether one may have been.
    pub(crate) fn doubtful(&self) -> bool {
        self.doubtful.load(Ordering::Relaxed)
    }
}
