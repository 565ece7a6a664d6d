//! When an expression fires next: croner finds the local time, jiff the instant.

use jiff::Timestamp as Instant;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, ToSpan as _};

use super::{Expression, Zone};
use crate::Timestamp;

impl Expression {
    /// The first instant after `after` at which this fires in `zone`; `None` when there is none before the year 5000.
    ///
    /// When clocks are changed: with an hour field that begins with `*`, elapsed time is followed, so both passes of a
    /// repeated hour count and a skipped hour is not made up for. Otherwise a local time that is skipped fires at the
    /// first instant after the gap, and a repeated one at its first pass only.
    pub fn next_after(&self, zone: &Zone, after: Timestamp) -> Option<Timestamp> {
        let after = instant(after)?;
        let next = match self.every_hour {
            true => self.next_elapsed(zone.tz(), after),
            false => self.next_at_local_time(zone.tz(), after),
        }?;
        Some(Timestamp::from_micros(next.as_microsecond()))
    }

    fn next_at_local_time(&self, tz: &TimeZone, after: Instant) -> Option<Instant> {
        let mut local = tz.to_datetime(after);
        // More than one turn is needed only in the second pass of a repeated hour, for what fired in the first.
        loop {
            local = self.pattern.find_next_occurrence(&local, false).ok()?;
            let offset = tz.to_ambiguous_timestamp(local).offset();
            let fires = match offset {
                AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(local).ok()?,
                AmbiguousOffset::Fold { before, .. } => before.to_timestamp(local).ok()?,
                AmbiguousOffset::Gap { before, .. } => transition(tz, before.to_timestamp(local).ok()?)?,
            };
            if fires > after {
                return Some(fires);
            }
        }
    }

    fn next_elapsed(&self, tz: &TimeZone, after: Instant) -> Option<Instant> {
        let local = tz.to_datetime(after);
        let ahead = self.pattern.find_next_occurrence(&local, false).ok()?;
        let ahead = self.first_existing(tz, after, ahead)?;
        // In the first pass of a repeated hour the second one comes before what lies ahead on the face of the clock.
        if let AmbiguousOffset::Fold { before, after: later } = tz.to_ambiguous_timestamp(local).offset()
            && tz.to_offset(after) == before
        {
            let change = tz.following(after).next()?.timestamp();
            let again = self.pattern.find_next_occurrence(&later.to_datetime(change), true).ok()?;
            if again < before.to_datetime(change) {
                return Some(ahead.min(later.to_timestamp(again).ok()?));
            }
        }
        Some(ahead)
    }

    /// The first instant after `after` at which the clock shows `local`, or else a later time that matches.
    fn first_existing(&self, tz: &TimeZone, after: Instant, mut local: DateTime) -> Option<Instant> {
        loop {
            match tz.to_ambiguous_timestamp(local).offset() {
                AmbiguousOffset::Unambiguous { offset } => return offset.to_timestamp(local).ok(),
                AmbiguousOffset::Fold { before, after: later } => {
                    let first = before.to_timestamp(local).ok()?;
                    return if first > after { Some(first) } else { later.to_timestamp(local).ok() };
                }
                AmbiguousOffset::Gap { before, after: later } => {
                    let end = transition(tz, before.to_timestamp(local).ok()?)?;
                    local = self.pattern.find_next_occurrence(&later.to_datetime(end), true).ok()?;
                }
            }
        }
    }
}

/// The change of the clock at or last before `instant`.
fn transition(tz: &TimeZone, instant: Instant) -> Option<Instant> {
    let past = instant.checked_add(1.nanosecond()).ok()?;
    tz.preceding(past).map(|change| change.timestamp()).find(|change| {
        let before = change.checked_sub(SignedDuration::from_nanos(1)).map(|before| tz.to_offset(before));
        before.is_ok_and(|before| before != tz.to_offset(*change))
    })
}

/// The instant for jiff: those before the year 1 are taken for its beginning, those it cannot name have nothing after.
fn instant(timestamp: Timestamp) -> Option<Instant> {
    /// 0001-01-03T00:00:00Z: in the year 1 in every zone.
    const FIRST: i64 = -62_135_424_000_000_000;
    Instant::from_microsecond(timestamp.as_micros().max(FIRST)).ok()
}
