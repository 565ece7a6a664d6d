//! Firing: a schedule whose time has come makes a backup and its job.

use std::collections::HashSet;
use std::time::Duration;

use bulkhead_model::{BackupId, Expression, Failure, JobId, JobKind, NameTemplate, Result, ScheduleId, Timestamp};
use serde_json::json;
use sqlx::any::AnyRow;

use super::due::{self, Decision};
use super::{Schedule, recurring};
use crate::backup::{self, Backup, BackupDraft};
use crate::catalog::Catalog;
use crate::fields::Fields;
use crate::job::{self, Draft, Job};
use crate::notice;
use crate::session::{Session, batches, places, sql, sql_of_parts};

/// A schedule whose time had come.
#[derive(Clone, Debug)]
pub struct Fired {
    /// As it is now.
    pub schedule: Schedule,
    /// The time it was due at.
    pub due: Timestamp,
    /// How long after its fire time (due and jitter) it was looked at.
    pub lateness: Duration,
    /// What became of it.
    pub outcome: FireOutcome,
}

/// What became of a schedule whose time had come.
#[derive(Clone, Debug)]
pub enum FireOutcome {
    /// It made a backup and its job.
    Started {
        /// The backup to be made.
        backup: Box<Backup>,
        /// The job that makes it.
        job: Box<Job>,
    },
    /// A job of it still waits; another one would do the same.
    Coalesced,
    /// It came too late.
    Missed,
}

impl Catalog {
    /// When the next schedule fires. It lies in the past while another host is about to fire it.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn next_fire_at(&self) -> Result<Option<Timestamp>> {
        let query = sql("SELECT next_fire_at_us FROM schedules
             WHERE enabled = 1 AND deleted = 0 AND next_fire_at_us IS NOT NULL ORDER BY next_fire_at_us LIMIT 1");
        self.rows(query).await?.first().map(|row| Fields(row).time("next_fire_at_us")).transpose()
    }

    /// Fires at most `limit` schedules whose time has come, the longest due first: all of it happens or nothing. Safe on
    /// any number of hosts; each due time is fired once. Jobs are allowed `attempts_max` attempts, and their request
    /// says `{"retention": ...}`.
    ///
    /// One that cannot be read is disabled, with the reason in its message, and is not among the answer.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn fire_due(&self, limit: u32, attempts_max: u32) -> Result<Vec<Fired>> {
        // On SQLite a look inside a transaction would keep writers waiting, twice a second.
        if self.next_fire_at().await?.is_none_or(|next| next > self.now()) {
            return Ok(Vec::new());
        }
        let mut session = self.begin().await?;
        let mut firing = Firing::default();
        for row in due_rows(&mut session, limit).await? {
            firing.add(&row, session.now())?;
        }
        let fired = firing.write(&mut session, attempts_max).await?;
        session.commit().await?;
        Ok(fired)
    }
}

/// Takes the rows that are due, by the clock of this host: one that runs ahead fires early by as much, and no clock makes
/// a due time fire twice, since the next one lies after the clock of whoever fired. Another host that takes them waits for nobody: it gets others, or, when this transaction
/// has just ended, sees that they are due no more.
async fn due_rows(session: &mut Session, limit: u32) -> Result<Vec<AnyRow>> {
    let text = format!(
        "SELECT * FROM schedules
         WHERE enabled = 1 AND deleted = 0 AND next_fire_at_us IS NOT NULL AND next_fire_at_us <= $1
         ORDER BY next_fire_at_us LIMIT $2{}",
        session.for_update_skipping()
    );
    session.rows(sql_of_parts(text).bind(session.now().as_micros()).bind(i64::from(limit))).await
}

/// What is fired together: some statements for all of it, instead of some for each.
#[derive(Default)]
struct Firing {
    due: Vec<Due>,
    unreadable: Vec<(ScheduleId, Failure)>,
}

struct Due {
    schedule: Schedule,
    at: Timestamp,
    lateness: Duration,
    /// `None`: missed.
    name: Option<Option<String>>,
}

impl Firing {
    fn add(&mut self, row: &AnyRow, now: Timestamp) -> Result<()> {
        match read(row, now) {
            Ok(due) => self.due.push(due),
            Err(failure) => self.unreadable.push((ScheduleId(Fields(row).number("id")?), failure)),
        }
        Ok(())
    }

    async fn write(self, session: &mut Session, attempts_max: u32) -> Result<Vec<Fired>> {
        for (id, failure) in self.unreadable {
            disable(session, id, &failure).await?;
        }
        let waiting = with_waiting_job(session, &self.due).await?;
        let mut fired = Vec::with_capacity(self.due.len());
        let (mut backups, mut jobs, mut starting) = (Vec::new(), Vec::new(), Vec::new());
        for Due { mut schedule, at, lateness, name } in self.due {
            let outcome = match name {
                None => {
                    schedule.misses += 1;
                    schedule.last_missed_at = Some(at);
                    notice::record_missed(session, &schedule, at).await?;
                    FireOutcome::Missed
                }
                Some(_) if waiting.contains(&schedule.id) => {
                    schedule.coalesced += 1;
                    FireOutcome::Coalesced
                }
                Some(name) => {
                    schedule.fires += 1;
                    schedule.last_fire_at = Some(session.now());
                    let (backup, job) = drafts(&schedule, name, attempts_max);
                    backups.push(backup);
                    jobs.push(job);
                    starting.push(fired.len());
                    // Until its rows are written, below.
                    FireOutcome::Coalesced
                }
            };
            fired.push(Fired { schedule, due: at, lateness, outcome });
        }
        let backups = backup::insert(session, backups).await?;
        let jobs = job::insert_all(session, jobs).await?;
        for ((place, backup), job) in starting.into_iter().zip(backups).zip(jobs) {
            fired[place].outcome = FireOutcome::Started { backup: Box::new(backup), job: Box::new(job) };
        }
        advance(session, &fired).await?;
        Ok(fired)
    }
}

/// What is to be done about a row that is due, and its next time.
fn read(row: &AnyRow, now: Timestamp) -> Result<Due> {
    let mut schedule = Schedule::from_row(row)?;
    let expression: Expression = recurring(&schedule.expression)?;
    let due = schedule.next_due_at.unwrap_or(now);
    let lateness = now.since(schedule.next_fire_at.unwrap_or(now));
    let decision = due::decide(&schedule, &expression, due, now);
    due::plan(&mut schedule, now)?;
    let (at, name) = match decision {
        Decision::Miss => (due, None),
        Decision::Run(at) => {
            let number = schedule.fires + 1;
            let name = match &schedule.name {
                Some(template) => Some(NameTemplate::parse(template)?.render(
                    &schedule.service,
                    &schedule.method,
                    at,
                    &schedule.zone,
                    number,
                )),
                None => None,
            };
            (at, Some(name))
        }
    };
    Ok(Due { schedule, at, lateness, name })
}

fn drafts(schedule: &Schedule, name: Option<String>, attempts_max: u32) -> (BackupDraft, Draft) {
    let (backup, job) = (BackupId::new(&schedule.service, &schedule.server), JobId::new());
    let draft = Draft {
        id: job.clone(),
        organization: schedule.organization.clone(),
        service: schedule.service.clone(),
        kind: JobKind::Backup,
        method: schedule.method.clone(),
        target: Some(schedule.target.clone()),
        backup: Some(backup.clone()),
        restore: None,
        schedule: Some(schedule.id),
        request: json!({ "retention": schedule.retention }),
        attempts_max,
    };
    let backup = BackupDraft {
        id: backup,
        organization: schedule.organization.clone(),
        service: schedule.service.clone(),
        method: schedule.method.clone(),
        engine: schedule.engine.clone(),
        name,
        target: schedule.target.clone(),
        copies: schedule.copies.clone(),
        job,
        parent: None,
    };
    (backup, draft)
}

/// The schedules among these of which a job waits. Their rows are locked: nobody makes another one meanwhile.
async fn with_waiting_job(session: &mut Session, due: &[Due]) -> Result<HashSet<ScheduleId>> {
    let mut waiting = HashSet::new();
    for batch in batches(due) {
        let text =
            format!("SELECT schedule FROM jobs WHERE schedule IN {} AND state = 'scheduled'", places(1, batch.len()));
        let mut query = sql_of_parts(text);
        for due in batch {
            query = query.bind(due.schedule.id.0);
        }
        for row in session.rows(query).await? {
            waiting.insert(ScheduleId(Fields(&row).number("schedule")?));
        }
    }
    Ok(waiting)
}

/// Writes down what has happened to schedules, and their next times.
async fn advance(session: &mut Session, fired: &[Fired]) -> Result<()> {
    for batch in batches(fired) {
        // `column1`...: so both databases call the columns of VALUES.
        let text = format!(
            "UPDATE schedules SET next_due_at_us = v.column2, next_fire_at_us = v.column3, last_fire_at_us = v.column4,
                 last_missed_at_us = v.column5, fires = v.column6, misses = v.column7, coalesced = v.column8
             FROM (VALUES {}) AS v WHERE schedules.id = v.column1",
            places(batch.len(), 8)
        );
        let mut query = sql_of_parts(text);
        for Fired { schedule, .. } in batch {
            query = query
                .bind(schedule.id.0)
                .bind(schedule.next_due_at.map(Timestamp::as_micros))
                .bind(schedule.next_fire_at.map(Timestamp::as_micros))
                .bind(schedule.last_fire_at.map(Timestamp::as_micros))
                .bind(schedule.last_missed_at.map(Timestamp::as_micros))
                .bind(i64::try_from(schedule.fires).unwrap_or(i64::MAX))
                .bind(i64::try_from(schedule.misses).unwrap_or(i64::MAX))
                .bind(i64::try_from(schedule.coalesced).unwrap_or(i64::MAX));
        }
        let rows = session.execute(query).await?;
        if rows != batch.len() as u64 {
            return Err(Failure::internal(format!("{} schedules fired but {rows} were written", batch.len())));
        }
    }
    Ok(())
}

/// A schedule that cannot be read must not keep the others from firing, nor be looked at again and again.
async fn disable(session: &mut Session, id: ScheduleId, failure: &Failure) -> Result<()> {
    tracing::error!(schedule = %id, %failure, "schedule disabled: it cannot be read");
    let query = sql("UPDATE schedules SET enabled = 0, next_due_at_us = NULL, next_fire_at_us = NULL, message = $1
         WHERE id = $2")
    .bind(format!("Disabled, because it cannot be read: {}", failure.message))
    .bind(id.0);
    session.execute_one("a disabled schedule", query).await
}
