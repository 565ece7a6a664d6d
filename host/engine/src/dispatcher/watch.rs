//! Finds out which hosts are gone without believing anybody's clock.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bulkhead_catalog::Lease;
use bulkhead_model::{AttemptId, Result, Timestamp};
use metrics::counter;
use tokio::time::Instant;

use crate::engine::Inner;
use crate::measure;

/// Watches until aborted. Apart from the dispatcher: that one may have to wait for a row that a host which has just frozen holds.
pub(crate) async fn run(engine: Arc<Inner>) {
    let mut watch = Watch::default();
    let mut poll = tokio::time::interval(engine.config.limits.poll);
    poll.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        poll.tick().await;
        if let Err(failure) = take_over(&engine, &mut watch, Instant::now).await {
            tracing::warn!(error = %failure, "lost attempts cannot be looked for; trying again");
        }
    }
}

/// Ends attempts whose hosts give no sign of life. `monotonic` is this host's clock that nobody sets.
pub(crate) async fn take_over(engine: &Inner, watch: &mut Watch, monotonic: impl Fn() -> Instant) -> Result<()> {
    let (begin, now) = (monotonic(), engine.clock.now());
    let leases = engine.catalog.leases().await?;
    let over = watch.over(leases, begin..monotonic(), now, engine.config.limits.lease);
    for job in engine.catalog.take_over(&over).await? {
        tracing::warn!(job = %job.id, service = %job.service, state = %job.state, "the lease of an attempt ran out");
        counter!("bulkhead_attempts_lost_total").increment(1);
        if job.state.is_final() {
            measure::job_ended(&job, job.state, now);
        }
        let _nobody = engine.changes.send(job.id);
        engine.wake();
    }
    Ok(())
}

/// After so many leases without a sign of life, a lease is over although its holder's clock says otherwise.
const WRONG_CLOCK: u32 = 10;

/// The leases of all hosts, and since when this host has seen them unchanged.
///
/// A holder renews its lease every few seconds, and each renewal changes the time until which it lasts. So a lease that stays the
/// same for its whole length, by the monotonic clock of this host, is held by nobody, whatever the clocks say: the clock of a
/// host that is wrong by hours costs no running attempt. (All hosts on one catalog have the same length of lease; should they
/// not, the holder's own time, which must have passed too, protects a longer one.)
#[derive(Debug, Default)]
pub(crate) struct Watch {
    seen: HashMap<AttemptId, (Timestamp, Instant)>,
}

impl Watch {
    /// Takes a look: these leases were `read` from the catalog between two instants, with `now` on the clock. Answers those that are
    /// over.
    fn over(&mut self, leases: Vec<Lease>, read: Range<Instant>, now: Timestamp, length: Duration) -> Vec<Lease> {
        let before = std::mem::take(&mut self.seen);
        let mut over = Vec::new();
        for lease in leases {
            let since = match before.get(&lease.attempt) {
                Some((until, since)) if *until == lease.until => *since,
                // A renewal may have come while they were read: it counts from the end of that.
                _ => read.end,
            };
            self.seen.insert(lease.attempt.clone(), (lease.until, since));
            let silent = read.start.saturating_duration_since(since);
            if silent >= length && (lease.until < now || silent >= length.saturating_mul(WRONG_CLOCK)) {
                over.push(lease);
            }
        }
        over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTH: Duration = Duration::from_secs(30);

    struct Scene {
        watch: Watch,
        begin: Instant,
        attempt: AttemptId,
    }

    impl Scene {
        fn new() -> Self {
            Self { watch: Watch::default(), begin: Instant::now(), attempt: AttemptId::new() }
        }

        /// What this host sees `seconds` after the beginning, with its own clock and the lease's end shown in seconds.
        fn over(&mut self, seconds: u64, clock: i64, until: i64) -> bool {
            let micros = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
            let lease = Lease { attempt: self.attempt.clone(), host: "other".to_owned(), until: micros(until) };
            let at = self.begin + Duration::from_secs(seconds);
            !self.watch.over(vec![lease], at..at, micros(clock), LENGTH).is_empty()
        }
    }

    #[test]
    fn a_silent_host_loses_its_lease_and_one_that_renews_it_does_not() {
        let mut scene = Scene::new();
        assert!(!scene.over(0, 1000, 1030));
        assert!(!scene.over(29, 1029, 1030));
        // Renewed at the last moment.
        assert!(!scene.over(31, 1031, 1059));
        assert!(!scene.over(60, 1060, 1059));
        assert!(scene.over(61, 1061, 1059));
    }

    #[test]
    fn a_clock_that_is_wrong_by_an_hour_takes_nothing_from_a_host_that_works() {
        // This host is an hour ahead, or has just jumped: every lease seems to have run out long ago.
        let mut scene = Scene::new();
        for second in 0..300_u32 {
            let renewed = i64::from(second - second % 2);
            assert!(!scene.over(u64::from(second), i64::from(second) + 3600, renewed + 30), "{second}");
        }
        // The other one is an hour ahead, and then dies.
        let mut scene = Scene::new();
        assert!(!scene.over(0, 0, 3630));
        assert!(!scene.over(299, 299, 3630));
        assert!(scene.over(300, 300, 3630));
    }

    #[test]
    fn a_host_that_has_just_started_watches_first() {
        let mut scene = Scene::new();
        assert!(!scene.over(0, 1000, 10));
        assert!(scene.over(30, 1030, 10));
        // What is no longer there is forgotten, and would be watched anew.
        let at = scene.begin + Duration::from_secs(31);
        assert!(scene.watch.over(Vec::new(), at..at, Timestamp::from_micros(0), LENGTH).is_empty());
        assert!(!scene.over(61, 1061, 10));
    }
}
