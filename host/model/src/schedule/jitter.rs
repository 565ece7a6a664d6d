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
