//! Who is let in, and when nobody is inside any more.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bulkhead_model::{Failure, Result};
use tokio::sync::watch;

/// What the front door lets through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The replica is looked at, or copied from the main database.
    Preparing {
        /// Whether events are taken: not before there has been a replica into which they belong.
        writes: bool,
        /// Why it takes so long.
        trouble: Option<String>,
    },
    /// Everything.
    Open,
    /// Nothing.
    Restoring {
        /// Why.
        reason: String,
    },
}

/// What somebody wants to do inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Bring an event.
    Write,
    /// Read the replica, or begin to.
    Read,
    /// Say that one is alive.
    Report,
    /// Work of the front door itself, such as the replica taking events in.
    Work,
}

/// Lets in by phase and counts who is inside.
#[derive(Debug)]
pub(crate) struct Gate {
    phase: Mutex<Phase>,
    inside: watch::Sender<usize>,
    /// Changes whenever the phase does.
    changes: watch::Sender<u64>,
}

/// Held by who was let in.
#[derive(Debug)]
pub(crate) struct Pass(Arc<Gate>);

impl Drop for Pass {
    fn drop(&mut self) {
        self.0.inside.send_modify(|inside| *inside -= 1);
    }
}

impl Gate {
    pub fn new(phase: Phase) -> Arc<Self> {
        Arc::new(Self { phase: Mutex::new(phase), inside: watch::Sender::new(0), changes: watch::Sender::new(0) })
    }

    pub fn phase(&self) -> Phase {
        self.lock().clone()
    }

    /// Lets in, as long as the phase allows it.
    ///
    /// # Errors
    /// `unavailable` when not now.
    pub fn enter(self: &Arc<Self>, purpose: Purpose) -> Result<Pass> {
        let phase = self.lock();
        match (&*phase, purpose) {
            (Phase::Open, _) | (Phase::Preparing { .. }, Purpose::Report) => {}
            (Phase::Preparing { writes: true, .. }, Purpose::Write) => {}
            (Phase::Preparing { .. }, _) => return Err(Failure::unavailable("the replica is being prepared")),
            (Phase::Restoring { reason }, _) => {
                return Err(Failure::unavailable(format!("restoring from a backup ({reason})")));
            }
        }
        // Counted under the lock of the phase: who closes sees everybody who came before.
        self.inside.send_modify(|inside| *inside += 1);
        Ok(Pass(Arc::clone(self)))
    }

    /// Changes the phase.
    pub fn change(&self, change: impl FnOnce(&mut Phase)) {
        change(&mut self.lock());
        self.changes.send_modify(|changes| *changes += 1);
    }

    /// Waits until nobody is inside.
    ///
    /// # Errors
    /// `unavailable` when that takes longer than `within`.
    pub async fn emptied(&self, within: Duration) -> Result<()> {
        let mut inside = self.inside.subscribe();
        match tokio::time::timeout(within, inside.wait_for(|inside| *inside == 0)).await {
            Ok(_empty) => Ok(()),
            Err(_) => Err(Failure::unavailable(format!(
                "{} requests to the front door were still under way after {} s",
                *self.inside.borrow(),
                within.as_secs()
            ))),
        }
    }

    /// As [`enter`](Self::enter), waiting until the phase allows it.
    pub async fn enter_when_possible(self: &Arc<Self>, purpose: Purpose) -> Pass {
        let mut changes = self.changes.subscribe();
        loop {
            changes.mark_unchanged();
            if let Ok(pass) = self.enter(purpose) {
                return pass;
            }
            // The sender lives as long as this.
            let _changed = changes.changed().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Phase> {
        self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn restoring() -> Phase {
        Phase::Restoring { reason: "a restore".to_owned() }
    }

    #[tokio::test]
    async fn who_closes_waits_for_those_inside_and_nobody_comes_after() {
        let gate = Gate::new(Phase::Open);
        let inside = gate.enter(Purpose::Write).unwrap();
        gate.change(|phase| *phase = restoring());
        for purpose in [Purpose::Write, Purpose::Read, Purpose::Report, Purpose::Work] {
            assert!(gate.enter(purpose).unwrap_err().retry, "{purpose:?}");
        }
        let failure = gate.emptied(Duration::from_millis(20)).await.unwrap_err();
        assert!(failure.message.starts_with("1 requests"), "{failure}");
        drop(inside);
        gate.emptied(Duration::from_secs(10)).await.unwrap();
        let waiting = tokio::spawn({
            let gate = Arc::clone(&gate);
            async move { gate.enter_when_possible(Purpose::Work).await }
        });
        gate.change(|phase| *phase = Phase::Open);
        tokio::time::timeout(Duration::from_secs(10), waiting).await.unwrap().unwrap();
    }

    #[test]
    fn events_are_taken_before_the_replica_is_there_only_if_there_was_one() {
        for writes in [false, true] {
            let gate = Gate::new(Phase::Preparing { writes, trouble: None });
            assert_eq!(gate.enter(Purpose::Write).is_ok(), writes);
            assert!(gate.enter(Purpose::Read).is_err());
            assert!(gate.enter(Purpose::Report).is_ok());
        }
    }
}
