//! When a schedule fires, and what becomes of a fire. Pure: the catalog only writes down what is decided here.

use bulkhead_model::{Expression, Misfire, Result, Timestamp, Zone, jitter_delay};

use super::{Schedule, recurring};

/// What becomes of a schedule whose time has come.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// It runs, for this due time.
    Run(Timestamp),
    /// It came too late.
    Miss,
}

/// Sets when the schedule fires next: the first time after `now`, never one that has passed.
pub(super) fn plan(schedule: &mut Schedule, now: Timestamp) -> Result<()> {
    let due = match (schedule.enabled, &schedule.unknown_zone) {
        (false, _) => None,
        (true, Some(zone)) => return Zone::parse(zone).map(|_| ()),
        (true, None) => recurring(&schedule.expression)?.next_after(&schedule.zone, now),
    };
    schedule.next_due_at = due;
    schedule.next_fire_at = due.map(|due| fire_time(schedule, due));
    Ok(())
}

/// When a run that is due at an instant is made: later by its jitter.
pub(super) fn fire_time(schedule: &Schedule, due: Timestamp) -> Timestamp {
    due.plus(jitter_delay(schedule.id, due, schedule.jitter))
}

/// What becomes of a schedule that was due at `due` and is looked at now.
pub(super) fn decide(schedule: &Schedule, expression: &Expression, due: Timestamp, now: Timestamp) -> Decision {
    let lateness = |due| now.since(fire_time(schedule, due));
    if schedule.misfire.runs(lateness(due), schedule.misfire_grace) {
        return Decision::Run(due);
    }
    if schedule.misfire == Misfire::Skip {
        return Decision::Miss;
    }
    // The time that came first was missed too long ago, but one of those after it may not have been: an hourly schedule
    // with a grace of two hours runs once after a day without a host.
    match expression.next_after(&schedule.zone, now.minus(schedule.misfire_grace)) {
        Some(later) if later > due && fire_time(schedule, later) <= now => Decision::Run(later),
        _ => Decision::Miss,
    }
}
