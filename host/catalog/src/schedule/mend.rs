//! What a clock that was wrong for a while has put off. Due times, and times before which something is not tried again, are written by the
//! clock of whichever host is at work; one that was a year ahead would leave a schedule silent for a year.

use std::time::Duration;

use bulkhead_model::{Result, ScheduleId, Timestamp};

use super::{Schedule, due};
use crate::catalog::Catalog;
use crate::fields::Fields;
use crate::session::sql;

/// Schedules that are read at a time.
const PAGE: i64 = 500;
/// What fired so long after the present instant was fired by a clock that was wrong. What fired less long after it fired, and does not fire
/// again.
const WRONG: Duration = Duration::from_hours(1);

/// What is no longer put off.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mended {
    /// Schedules that were due later than their expression says, with the times that they were due at.
    pub schedules: Vec<(ScheduleId, Timestamp)>,
    /// Jobs that waited for longer than a job ever waits.
    pub jobs: u64,
    /// Notices of webhooks that did.
    pub deliveries: u64,
    /// Targets that had been swept at a time that has not come yet.
    pub targets: u64,
}

impl Mended {
    /// Whether nothing was put off.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Catalog {
    /// Plans schedules again that are due later than the next time that their expression names, and has jobs and deliveries tried now that
    /// wait for longer than `job_wait` and `delivery_wait`, the most that they ever have to.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn mend_clock(&self, job_wait: Duration, delivery_wait: Duration) -> Result<Mended> {
        let now = self.now();
        let late = self.due_too_late(now).await?;
        let (job, delivery) = (now.plus(job_wait).as_micros(), now.plus(delivery_wait).as_micros());
        // Mostly there is nothing; that is found without taking the writer's turn.
        let waits = sql("SELECT CAST(1 AS BIGINT) AS waits FROM jobs WHERE state = 'scheduled' AND run_after_us > $1
             UNION ALL SELECT CAST(1 AS BIGINT) FROM webhook_deliveries WHERE state = 'waiting' AND next_try_at_us > $2
             UNION ALL SELECT CAST(1 AS BIGINT) FROM targets WHERE swept_at_us > $3 LIMIT 1")
        .bind(job)
        .bind(delivery)
        .bind(now.plus(WRONG).as_micros());
        if late.is_empty() && self.rows(waits).await?.is_empty() {
            return Ok(Mended::default());
        }
        let mut session = self.begin().await?;
        let mut mended = Mended::default();
        for (was, schedule) in late {
            let query = sql("UPDATE schedules SET next_due_at_us = $1, next_fire_at_us = $2
                 WHERE id = $3 AND next_due_at_us = $4 AND enabled = 1 AND deleted = 0")
            .bind(schedule.next_due_at.map(Timestamp::as_micros))
            .bind(schedule.next_fire_at.map(Timestamp::as_micros))
            .bind(schedule.id.0)
            .bind(was.as_micros());
            if session.execute(query).await? > 0 {
                mended.schedules.push((schedule.id, was));
            }
        }
        let query = sql("UPDATE jobs SET run_after_us = $1 WHERE state = 'scheduled' AND run_after_us > $2");
        mended.jobs = session.execute(query.bind(now.as_micros()).bind(job)).await?;
        let query =
            sql("UPDATE webhook_deliveries SET next_try_at_us = $1 WHERE state = 'waiting' AND next_try_at_us > $2");
        mended.deliveries = session.execute(query.bind(now.as_micros()).bind(delivery)).await?;
        let query = sql("UPDATE targets SET swept_at_us = $1 WHERE swept_at_us > $2");
        mended.targets = session.execute(query.bind(now.as_micros()).bind(now.plus(WRONG).as_micros())).await?;
        session.commit().await?;
        Ok(mended)
    }

    /// Schedules that are due later than they should be: when they are, and as they should be.
    async fn due_too_late(&self, now: Timestamp) -> Result<Vec<(Timestamp, Schedule)>> {
        let mut late = Vec::new();
        let mut after = i64::MIN;
        loop {
            let query = sql("SELECT * FROM schedules
                 WHERE enabled = 1 AND deleted = 0 AND next_due_at_us > $1 AND id > $2 ORDER BY id LIMIT $3")
            .bind(now.as_micros())
            .bind(after)
            .bind(PAGE);
            let rows = self.rows(query).await?;
            let Some(last) = rows.last() else { return Ok(late) };
            after = Fields(last).number("id")?;
            // One that cannot be read is told when it fires.
            let schedules = rows.iter().filter_map(|row| Schedule::from_row(row).ok());
            late.extend(schedules.filter_map(|schedule| planned_again(schedule, now)));
        }
    }
}

fn planned_again(mut schedule: Schedule, now: Timestamp) -> Option<(Timestamp, Schedule)> {
    let was = schedule.next_due_at.filter(|_| schedule.unknown_zone.is_none())?;
    // One that was only missed may still run.
    let fired = schedule.last_fire_at.filter(|fired| *fired <= now.plus(WRONG));
    let from = fired.map_or(now, |fired| fired.max(now));
    due::plan(&mut schedule, from).ok()?;
    let next = schedule.next_due_at?;
    (next < was).then_some((was, schedule))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::ScheduleOrigin;
    use bulkhead_model::{Misfire, Zone};

    fn at(second: i64) -> Timestamp {
        // 2024-03-26T12:00:00Z
        Timestamp::from_micros((1_711_454_400 + second) * 1_000_000)
    }

    /// Hourly, due next at that second.
    fn hourly(due: i64, fired: Option<i64>) -> Schedule {
        Schedule {
            id: ScheduleId(1),
            organization: "acme".parse().unwrap(),
            service: "db1".parse().unwrap(),
            method: "full".parse().unwrap(),
            engine: "mariadb".to_owned(),
            server: "s1".to_owned(),
            target: "managed".parse().unwrap(),
            copies: Vec::new(),
            expression: "0 * * * *".to_owned(),
            zone: Zone::UTC,
            enabled: true,
            misfire: Misfire::Skip,
            misfire_grace: Misfire::DEFAULT_GRACE,
            jitter: Duration::from_mins(20),
            retention: None,
            name: None,
            origin: ScheduleOrigin::Manual,
            state: "scheduled".to_owned(),
            message: None,
            next_due_at: Some(at(due)),
            next_fire_at: Some(at(due)),
            last_fire_at: fired.map(at),
            last_missed_at: None,
            fires: 0,
            misses: 0,
            coalesced: 0,
            created_at: at(-1_000_000),
            updated_at: None,
            deleted: false,
            unknown_zone: None,
        }
    }

    #[test]
    fn a_schedule_is_planned_again_only_when_it_is_due_later_than_its_expression_says() {
        let again = |due, fired, now| planned_again(hourly(due, fired), at(now)).and_then(|(_, it)| it.next_due_at);
        let year = 365 * 86_400;
        assert_eq!(again(3600, Some(5), 10), None);
        // Whatever the jitter, its time has not come.
        assert_eq!(again(3600, Some(5), 3599), None);
        assert_eq!(again(year, Some(year - 3600), 10), Some(at(3600)));
        assert_eq!(again(year, None, 10), Some(at(3600)));
        // A clock that is set back a little does not make a due time fire twice.
        assert_eq!(again(3600, Some(0), -5), None);
        assert_eq!(again(year, Some(0), -5), Some(at(3600)));
        let (was, planned) = planned_again(hourly(year, None), at(10)).unwrap();
        assert_eq!(was, at(year));
        assert!(planned.next_fire_at >= planned.next_due_at && planned.next_fire_at < Some(at(3600 + 1200)));
    }
}
