//! Whether the host's clock can be believed where believing it deletes backups.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use bulkhead_model::{Result, SETTLED, Timestamp, is_shown};

use crate::engine::Inner;

/// By how much the clock may run otherwise than time passes, or than the clock of the catalog's database.
const DIFFERENCE: Duration = Duration::from_hours(1);

/// Since when this process has seen the clock run as time passes.
#[derive(Debug, Default)]
pub(crate) struct Steady(Mutex<Option<(Timestamp, Instant)>>);

impl Steady {
    fn lasts(&self, now: Timestamp, instant: Instant) -> Duration {
        let mut since = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (clock, begun) = *since.get_or_insert((now, instant));
        let passed = instant.duration_since(begun);
        let should = clock.plus(passed);
        if now.since(should).max(should.since(now)) > DIFFERENCE {
            *since = Some((now, instant));
            return Duration::ZERO;
        }
        passed
    }
}

/// Whether backups may go by their age now: the instants at which others were asked for show that the clock has been about here for a day,
/// or this process has seen it run for as long. `false` too when the catalog's database says another time.
///
/// # Errors
/// Only those of the catalog.
pub(crate) async fn is_settled(engine: &Inner, instants: impl IntoIterator<Item = Timestamp>) -> Result<bool> {
    let now = engine.clock.now();
    let lasts = engine.steady.lasts(now, Instant::now());
    if let Some(theirs) = engine.catalog.database_now().await?
        && now.since(theirs).max(theirs.since(now)) > DIFFERENCE
    {
        tracing::warn!(catalog = %theirs, here = %now, "the clock of this host is not that of the catalog's database: set it right");
        return Ok(false);
    }
    Ok(lasts >= SETTLED || is_shown(now, instants))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_steady_for_as_long_as_it_runs_as_time_passes() {
        let (steady, begun) = (Steady::default(), Instant::now());
        let hour = Duration::from_hours(1);
        let start = Timestamp::from_micros(1_711_454_400_000_000);
        let after = |clock: u32, passed: u32| steady.lasts(start.plus(hour * clock), begun + hour * passed);
        assert_eq!(after(0, 0), Duration::ZERO);
        assert_eq!(after(25, 25), hour * 25);
        // Ahead, and right again.
        assert_eq!(after(25 + 24 * 60, 25), Duration::ZERO);
        assert_eq!(after(26, 26), Duration::ZERO);
        assert_eq!(after(50, 50), hour * 24);
    }
}
