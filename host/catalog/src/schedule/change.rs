//! Changing and deleting schedules.

use std::time::Duration;

use bulkhead_model::{
    Failure, JobId, JobState, Misfire, NameTemplate, OrganizationId, Result, RetentionPolicy, ScheduleId, TargetId,
    Timestamp, Zone,
};

use super::create::{copies, micros};
use super::{Schedule, due, lock, recurring};
use crate::catalog::Catalog;
use crate::fields::{Fields, optional_json};
use crate::job::{self, Entry};
use crate::session::{Session, sql, sql_of_parts};

/// What to change of a recurring schedule; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScheduleChange {
    /// crontab(5).
    pub expression: Option<String>,
    /// In which the expression is read.
    pub zone: Option<Zone>,
    /// Whether it fires.
    pub enabled: Option<bool>,
    /// What becomes of a fire that comes late.
    pub misfire: Option<Misfire>,
    /// How late it is still made up for.
    pub misfire_grace: Option<Duration>,
    /// Fires are delayed by less than this.
    pub jitter: Option<Duration>,
    /// `Some(None)`: the service's retention says.
    pub retention: Option<Option<RetentionPolicy>>,
    /// `Some(None)`: its backups have no names.
    pub name: Option<Option<String>>,
    /// Where its backups are kept.
    pub target: Option<TargetId>,
    /// Where they are kept besides.
    pub copies: Option<Vec<TargetId>>,
}

impl Catalog {
    /// Changes a recurring schedule. Its next time is computed anew when the change bears on it.
    ///
    /// # Errors
    /// `not-found`; `conflict` when it runs once; `invalid` for an expression or a template that cannot be read.
    pub async fn update_schedule(
        &self,
        organization: &OrganizationId,
        id: ScheduleId,
        change: ScheduleChange,
    ) -> Result<Schedule> {
        let mut session = self.begin().await?;
        let mut schedule = lock(&mut session, organization, id).await?;
        if schedule.is_once() {
            return Err(
                Failure::conflict(format!("schedule {id} runs once and cannot be changed")).with_hint("make a new one")
            );
        }
        apply(&mut schedule, change, session.now())?;
        schedule.updated_at = Some(session.now());
        rewrite(&mut session, &schedule).await?;
        session.commit().await?;
        Ok(schedule)
    }

    /// Deletes a schedule; its backups stay. Of a recurring one, the jobs that wait are cancelled and what runs goes on.
    /// One that runs once can be deleted as long as its job waits, which is cancelled, and after that has ended.
    ///
    /// # Errors
    /// `not-found`; `conflict` when it runs once and its job is running.
    pub async fn delete_schedule(&self, organization: &OrganizationId, id: ScheduleId) -> Result<Schedule> {
        let seen = self.schedule(organization, id).await?;
        let mut session = self.begin().await?;
        // A job that moves takes its one-time schedule along, so that its job is locked before it. A fire locks its
        // schedule and then makes a job, so that a recurring one is locked before its jobs.
        let mut schedule = if seen.is_once() {
            cancel_waiting(&mut session, id).await?;
            let schedule = lock(&mut session, organization, id).await?;
            if schedule.state == JobState::Running.as_str() {
                return Err(Failure::conflict(format!("the backup of schedule {id} is being made"))
                    .with_hint("cancel its job first, or wait for it"));
            }
            schedule
        } else {
            let schedule = lock(&mut session, organization, id).await?;
            cancel_waiting(&mut session, id).await?;
            schedule
        };
        (schedule.next_due_at, schedule.next_fire_at) = (None, None);
        let query = sql("UPDATE schedules SET deleted = 1, next_due_at_us = NULL, next_fire_at_us = NULL,
                 updated_at_us = $1 WHERE id = $2 AND deleted = 0")
        .bind(session.now().as_micros())
        .bind(id.0);
        session.execute_one("a deleted schedule", query).await?;
        schedule.updated_at = Some(session.now());
        schedule.deleted = true;
        session.counts.moved(&schedule.counted(), Some(""), None);
        session.commit().await?;
        Ok(schedule)
    }
}

fn apply(schedule: &mut Schedule, change: ScheduleChange, now: Timestamp) -> Result<()> {
    let before = schedule.clone();
    if let Some(expression) = change.expression {
        schedule.expression = recurring(&expression)?.as_str().to_owned();
    }
    if let Some(name) = change.name {
        if let Some(name) = &name {
            NameTemplate::parse(name)?.fits(&schedule.service, &schedule.method)?;
        }
        schedule.name = name;
    }
    if let Some(zone) = change.zone {
        (schedule.zone, schedule.unknown_zone) = (zone, None);
    }
    schedule.enabled = change.enabled.unwrap_or(before.enabled);
    schedule.misfire = change.misfire.unwrap_or(before.misfire);
    schedule.misfire_grace = change.misfire_grace.unwrap_or(before.misfire_grace);
    schedule.jitter = change.jitter.unwrap_or(before.jitter);
    schedule.retention = change.retention.unwrap_or(schedule.retention.take());
    schedule.copies = change.copies.unwrap_or_else(|| before.copies.clone());
    schedule.target = change.target.unwrap_or_else(|| before.target.clone());
    let times = |schedule: &Schedule| (schedule.expression.clone(), schedule.zone.clone(), schedule.enabled);
    if times(schedule) != times(&before) || schedule.next_due_at.is_none() {
        due::plan(schedule, now)?;
    } else if let Some(due) = schedule.next_due_at {
        // Due already, and only waiting for its jitter: that run must not be lost.
        schedule.next_fire_at = Some(due::fire_time(schedule, due));
    }
    if schedule.enabled {
        schedule.message = None;
    }
    Ok(())
}

async fn rewrite(session: &mut Session, schedule: &Schedule) -> Result<()> {
    let query = sql("UPDATE schedules SET expression = $1, timezone = $2, enabled = $3, misfire = $4,
             misfire_grace_us = $5, jitter_us = $6, retention = $7, name = $8, target = $9, next_due_at_us = $10,
             next_fire_at_us = $11, message = $12, updated_at_us = $13, copies = $14
         WHERE id = $15 AND deleted = 0")
    .bind(schedule.expression.clone())
    .bind(schedule.unknown_zone.clone().unwrap_or_else(|| schedule.zone.to_string()))
    .bind(i64::from(schedule.enabled))
    .bind(schedule.misfire.as_str())
    .bind(micros(schedule.misfire_grace))
    .bind(micros(schedule.jitter))
    .bind(optional_json(schedule.retention.as_ref())?)
    .bind(schedule.name.clone())
    .bind(schedule.target.as_str().to_owned())
    .bind(schedule.next_due_at.map(Timestamp::as_micros))
    .bind(schedule.next_fire_at.map(Timestamp::as_micros))
    .bind(schedule.message.clone())
    .bind(schedule.updated_at.map(Timestamp::as_micros))
    .bind(copies(schedule)?)
    .bind(schedule.id.0);
    session.execute_one("a changed schedule", query).await
}

/// Cancels the jobs of a schedule that nobody has begun.
async fn cancel_waiting(session: &mut Session, id: ScheduleId) -> Result<()> {
    let text =
        format!("SELECT id FROM jobs WHERE schedule = $1 AND state = 'scheduled' ORDER BY id{}", session.for_update());
    let rows = session.rows(sql_of_parts(text).bind(id.0)).await?;
    let cancelled = Failure::cancelled();
    for row in rows {
        let job: JobId = Fields(&row).parsed("id")?;
        let entry = Entry { failure: Some(&cancelled), ..Entry::new(JobState::Scheduled, JobState::Cancelled) };
        job::enter(session, &job, entry).await?;
    }
    Ok(())
}
