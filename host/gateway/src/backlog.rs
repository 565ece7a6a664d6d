//! How much may wait for the replica.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bulkhead_model::{Failure, Result};

/// Counts what was taken in and is not in the replica yet.
#[derive(Debug)]
pub(crate) struct Backlog {
    events: AtomicUsize,
    bytes: AtomicUsize,
    events_max: usize,
    bytes_max: usize,
}

/// The place of one event; free again when it is dropped.
#[derive(Debug)]
pub(crate) struct Room {
    backlog: Arc<Backlog>,
    bytes: usize,
}

impl Backlog {
    pub fn new(events_max: usize, bytes_max: usize) -> Arc<Self> {
        Arc::new(Self { events: AtomicUsize::new(0), bytes: AtomicUsize::new(0), events_max, bytes_max })
    }

    /// Room for an event.
    ///
    /// # Errors
    /// `unavailable` when there is none.
    pub fn reserve(self: &Arc<Self>, bytes: usize) -> Result<Room> {
        let room = self.reserve_anyway(bytes);
        let full = self.events.load(Ordering::Acquire) > self.events_max
            || self.bytes.load(Ordering::Acquire) > self.bytes_max;
        match full {
            false => Ok(room),
            true => Err(Failure::unavailable("the event buffer is full")
                .with_hint("the replica does not keep up; see `/status` for what it says")),
        }
    }

    /// Room for an event that is in the log already.
    pub fn reserve_anyway(self: &Arc<Self>, bytes: usize) -> Room {
        self.events.fetch_add(1, Ordering::AcqRel);
        self.bytes.fetch_add(bytes, Ordering::AcqRel);
        Room { backlog: Arc::clone(self), bytes }
    }

    pub fn events(&self) -> usize {
        self.events.load(Ordering::Acquire)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.backlog.events.fetch_sub(1, Ordering::AcqRel);
        self.backlog.bytes.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_takes_no_room() {
        let backlog = Backlog::new(2, 100);
        let first = backlog.reserve(60).unwrap();
        assert!(backlog.reserve(60).is_err(), "too many bytes");
        let second = backlog.reserve(40).unwrap();
        assert!(backlog.reserve(0).is_err(), "too many events");
        drop((first, second));
        assert_eq!(backlog.events(), 0);
        assert!(backlog.reserve(100).is_ok());
    }
}
