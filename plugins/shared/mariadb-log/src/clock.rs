//! What the readings of a server's clock say of the logs between them, when the clock may have been wrong.

use crate::moment::{Clock, JITTER};

/// Seconds by which the clock of the host may differ from that of the server before it is no witness for it.
const WITNESS: u32 = 60;

/// What was read when logs were archived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// The server's clock: what was committed by then is archived, and what comes after was committed later.
    pub complete: Option<u32>,
    /// The server's clock, after the last transaction.
    pub after: Option<u32>,
    /// The host's clock, when `complete` or `after` was read.
    pub host: Option<u32>,
}

impl Reading {
    fn server(&self) -> Option<u32> {
        self.complete.or(self.after)
    }

    /// Whether the host's clock said the same.
    fn is_witnessed(&self) -> bool {
        self.server().zip(self.host).is_some_and(|(server, host)| server.abs_diff(host) <= WITNESS)
    }
}

/// What the clock said around each of the logs of one server, given in their order.
///
/// Readings that contradict each other are not used: a clock that went back was wrong before, or is wrong after. Where the host's clock
/// agrees with some of them, those are taken to be the right ones.
pub fn around(readings: &[Reading]) -> Vec<Clock> {
    let mut readings = readings.to_vec();
    if contradict(&readings) && readings.iter().any(Reading::is_witnessed) {
        for reading in &mut readings {
            if reading.host.is_some() && !reading.is_witnessed() {
                *reading = Reading::default();
            }
        }
    }
    let mut clocks = vec![Clock::default(); readings.len()];
    // From the end: what is later than a later reading is not believed.
    let mut least = u32::MAX;
    for (clock, reading) in clocks.iter_mut().zip(&readings).rev() {
        clock.complete = reading.complete.filter(|complete| *complete <= least.saturating_add(JITTER));
        least = [reading.complete, reading.after].into_iter().flatten().fold(least, u32::min);
    }
    let mut before = None;
    let mut most = 0;
    for (clock, reading) in clocks.iter_mut().zip(&readings) {
        clock.before = before;
        before = before.max(clock.complete);
        // And what is earlier than an earlier one.
        clock.after = reading.after.filter(|after| after.saturating_add(JITTER) >= most);
        most = [reading.complete, reading.after].into_iter().flatten().fold(most, u32::max);
    }
    // What holds for a later log holds for those before it.
    let mut after: Option<u32> = None;
    for clock in clocks.iter_mut().rev() {
        after = [clock.after, after].into_iter().flatten().min();
        clock.after = after;
    }
    clocks
}

/// Whether one is earlier than one before it.
fn contradict(readings: &[Reading]) -> bool {
    let mut most = 0;
    readings.iter().filter_map(Reading::server).any(|server| {
        let back = server.saturating_add(JITTER) < most;
        most = most.max(server);
        back
    })
}
