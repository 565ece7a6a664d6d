//! Spreads what is due at the same instant.

use std::time::Duration;

use crate::{ScheduleId, Timestamp};

/// How long the run of a schedule that is due at `due` waits: less than `jitter`, the same on every host and after
/// every restart, and spread evenly over schedules and due times.
pub fn jitter_delay(schedule: ScheduleId, due: Timestamp, jitter: Duration) -> Duration {
    let micros = u64::try_from(jitter.as_micros()).unwrap_or(u64::MAX);
    let hash = mix(mix(schedule.0.cast_unsigned()) ^ due.as_micros().cast_unsigned());
    // The upper half of the product is below `micros`.
    let delay = (u128::from(hash) * u128::from(micros)) >> 64;
    Duration::from_micros(u64::try_from(delay).unwrap_or(0))
}

/// The finalizer of SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_are_spread_evenly_and_stay_below_the_jitter() {
        let (due, jitter) = (Timestamp::from_micros(1_784_000_000_000_000), Duration::from_secs(600));
        let mut minutes = [0; 10];
        for schedule in (1..=10_000).map(ScheduleId) {
            let delay = jitter_delay(schedule, due, jitter);
            assert_eq!(delay, jitter_delay(schedule, due, jitter));
            minutes[usize::try_from(delay.as_secs() / 60).unwrap()] += 1;
        }
        assert!(minutes.iter().all(|count| (850..=1150).contains(count)), "{minutes:?}");
        // Schedules with neighbouring numbers do not stay neighbours, nor does one schedule keep its place.
        let next = due.plus(Duration::from_secs(86_400));
        assert_ne!(jitter_delay(ScheduleId(1), due, jitter), jitter_delay(ScheduleId(1), next, jitter));
    }

    #[test]
    fn no_jitter_is_no_delay() {
        for due in [i64::MIN, 0, i64::MAX].map(Timestamp::from_micros) {
            assert_eq!(jitter_delay(ScheduleId(-1), due, Duration::ZERO), Duration::ZERO);
            assert_eq!(jitter_delay(ScheduleId(i64::MAX), due, Duration::from_micros(1)), Duration::ZERO);
            assert!(jitter_delay(ScheduleId(7), due, Duration::MAX) < Duration::MAX);
        }
    }
}
