//! Making schedules.

use std::time::Duration;

use bulkhead_model::{
    Failure, JobState, Method, Misfire, NameTemplate, OrganizationId, Result, RetentionPolicy, ScheduleId, ServiceId,
    TargetId, Timestamp, Zone,
};

use super::{Schedule, ScheduleOrigin, due, next_number, recurring};
use crate::catalog::Catalog;
use crate::fields::{big, optional_json};
use crate::idempotency::{self, Idempotency, Made};
use crate::job;
use crate::session::{Session, sql};

/// A recurring schedule to be made.
#[derive(Clone, Debug)]
pub struct NewSchedule {
    /// Whose it is.
    pub organization: OrganizationId,
    /// What is backed up.
    pub service: ServiceId,
    /// How.
    pub method: Method,
    /// The service's engine.
    pub engine: String,
    /// The server's name, the last part of the backups' ids.
    pub server: String,
    /// Where they are kept.
    pub target: TargetId,
    /// Where they are kept besides.
    pub copies: Vec<TargetId>,
    /// crontab(5).
    pub expression: String,
    /// In which the expression is read.
    pub zone: Zone,
    /// Whether it fires.
    pub enabled: bool,
    /// What becomes of a fire that comes late.
    pub misfire: Misfire,
    /// How late it is still made up for.
    pub misfire_grace: Duration,
    /// Fires are delayed by less than this.
    pub jitter: Duration,
    /// Which of its backups stay; without one, its service's retention says.
    pub retention: Option<RetentionPolicy>,
    /// The template of its backups' names.
    pub name: Option<String>,
    /// Who makes it.
    pub origin: ScheduleOrigin,
    /// So that a request that comes twice is carried out once.
    pub idempotency: Option<Idempotency>,
}

impl Catalog {
    /// Writes a recurring schedule. (One that runs once is made by [`schedule_backup`](Self::schedule_backup).)
    ///
    /// # Errors
    /// `invalid` for an expression or a template that cannot be read; `conflict` when the idempotency key stands for
    /// another request, or when the origin is automatic and the service has, or had, such a one.
    pub async fn create_schedule(&self, new: NewSchedule) -> Result<Made<Schedule>> {
        let idempotency = new.idempotency.clone();
        let schedule = draft(new, self.now())?;
        let mut session = self.begin().await?;
        let organization = schedule.organization.clone();
        if let Some(object) = idempotency::begin(&mut session, &organization, idempotency.as_ref(), KIND).await? {
            drop(session);
            let id = object.parse().map_err(|error| {
                Failure::internal(format!("the catalog holds a malformed idempotency key: {error}"))
            })?;
            return self.schedule_or_deleted(&organization, ScheduleId(id)).await.map(Made::before);
        }
        let schedule = insert_recurring(&mut session, schedule).await?;
        idempotency::settle(&mut session, &organization, idempotency.as_ref(), &schedule.id.to_string()).await?;
        session.commit().await?;
        Ok(Made::now(schedule))
    }

    /// Makes the default schedule of a service, unless the service has one or somebody deleted it.
    ///
    /// # Errors
    /// As [`create_schedule`](Self::create_schedule).
    pub async fn ensure_automatic(&self, new: NewSchedule) -> Result<Option<Schedule>> {
        let schedule = draft(NewSchedule { origin: ScheduleOrigin::Automatic, ..new }, self.now())?;
        let exists = || {
            sql("SELECT id FROM schedules WHERE organization = $1 AND service = $2 AND origin = 'automatic'")
                .bind(schedule.organization.as_str().to_owned())
                .bind(schedule.service.as_str().to_owned())
        };
        if !self.rows(exists()).await?.is_empty() {
            return Ok(None);
        }
        let mut session = self.begin().await?;
        // Whoever makes a schedule holds the counter: nobody else makes one between this look and the end.
        let id = next_number(&mut session, "schedule").await?;
        if session.row(exists()).await?.is_some() {
            return Ok(None);
        }
        let schedule = insert_numbered(&mut session, schedule, id).await?;
        job::ensure_lock(&mut session, &schedule.service).await?;
        session.commit().await?;
        Ok(Some(schedule))
    }
}

const KIND: &str = "schedule";

/// A schedule as it will be written, but for its number.
fn draft(new: NewSchedule, now: Timestamp) -> Result<Schedule> {
    let expression = recurring(&new.expression)?;
    if let Some(name) = &new.name {
        NameTemplate::parse(name)?.fits(&new.service, &new.method)?;
    }
    Ok(Schedule {
        id: ScheduleId(0),
        organization: new.organization,
        service: new.service,
        method: new.method,
        engine: new.engine,
        server: new.server,
        target: new.target,
        copies: new.copies,
        expression: expression.as_str().to_owned(),
        zone: new.zone,
        enabled: new.enabled,
        misfire: new.misfire,
        misfire_grace: new.misfire_grace,
        jitter: new.jitter,
        retention: new.retention,
        name: new.name,
        origin: new.origin,
        state: JobState::Scheduled.to_string(),
        message: None,
        next_due_at: None,
        next_fire_at: None,
        last_fire_at: None,
        last_missed_at: None,
        fires: 0,
        misses: 0,
        coalesced: 0,
        created_at: now,
        updated_at: None,
        deleted: false,
        unknown_zone: None,
    })
}

async fn insert_recurring(session: &mut Session, schedule: Schedule) -> Result<Schedule> {
    let id = next_number(session, "schedule").await?;
    let schedule = insert_numbered(session, schedule, id).await?;
    // Here, so that a fire need not look after it.
    job::ensure_lock(session, &schedule.service).await?;
    Ok(schedule)
}

async fn insert_numbered(session: &mut Session, mut schedule: Schedule, id: i64) -> Result<Schedule> {
    schedule.id = ScheduleId(id);
    schedule.created_at = session.now();
    due::plan(&mut schedule, session.now())?;
    write(session, &schedule).await?;
    Ok(schedule)
}

/// Writes the schedule of a backup that is made now.
pub(crate) async fn insert_once(session: &mut Session, backup: &crate::backup::NewBackup) -> Result<Schedule> {
    let schedule = Schedule {
        id: ScheduleId(next_number(session, "schedule").await?),
        organization: backup.organization.clone(),
        service: backup.service.clone(),
        method: backup.method.clone(),
        engine: backup.engine.clone(),
        server: backup.server.clone(),
        target: backup.target.clone(),
        copies: backup.copies.clone(),
        expression: Schedule::ONCE.to_owned(),
        zone: Zone::UTC,
        enabled: true,
        misfire: Misfire::default(),
        misfire_grace: Misfire::DEFAULT_GRACE,
        jitter: Duration::ZERO,
        retention: None,
        name: backup.name.clone(),
        origin: ScheduleOrigin::Manual,
        state: JobState::Scheduled.to_string(),
        message: None,
        next_due_at: None,
        next_fire_at: None,
        last_fire_at: None,
        last_missed_at: None,
        fires: 0,
        misses: 0,
        coalesced: 0,
        created_at: session.now(),
        updated_at: None,
        deleted: false,
        unknown_zone: None,
    };
    write(session, &schedule).await?;
    Ok(schedule)
}

async fn write(session: &mut Session, schedule: &Schedule) -> Result<()> {
    let query = sql("INSERT INTO schedules (id, organization, service, method, engine, server, target, expression,
             timezone, enabled, misfire, misfire_grace_us, jitter_us, retention, name, origin, state, next_due_at_us,
             next_fire_at_us, created_at_us, copies)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)")
    .bind(schedule.id.0)
    .bind(schedule.organization.as_str().to_owned())
    .bind(schedule.service.as_str().to_owned())
    .bind(schedule.method.as_str().to_owned())
    .bind(schedule.engine.clone())
    .bind(schedule.server.clone())
    .bind(schedule.target.as_str().to_owned())
    .bind(schedule.expression.clone())
    .bind(schedule.zone.as_str().to_owned())
    .bind(i64::from(schedule.enabled))
    .bind(schedule.misfire.as_str())
    .bind(micros(schedule.misfire_grace))
    .bind(micros(schedule.jitter))
    .bind(optional_json(schedule.retention.as_ref())?)
    .bind(schedule.name.clone())
    .bind(schedule.origin.as_str())
    .bind(schedule.state.clone())
    .bind(schedule.next_due_at.map(Timestamp::as_micros))
    .bind(schedule.next_fire_at.map(Timestamp::as_micros))
    .bind(schedule.created_at.as_micros())
    .bind(copies(schedule)?);
    session.execute_one("a new schedule", query).await?;
    session.counts.moved(&schedule.counted(), None, Some(""));
    Ok(())
}

/// The targets besides the first one, for their column.
pub(super) fn copies(schedule: &Schedule) -> Result<Option<String>> {
    optional_json(Some(&schedule.copies).filter(|copies| !copies.is_empty()))
}

/// A duration for a BIGINT column.
pub(super) fn micros(duration: Duration) -> i64 {
    big(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
}
