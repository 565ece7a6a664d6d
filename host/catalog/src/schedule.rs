//! Schedules: when a method runs for a service.

use bulkhead_model::{Failure, JobState, Method, OrganizationId, Result, ScheduleId, ServiceId, TargetId, Timestamp};
use sqlx::any::AnyRow;

use crate::catalog::Catalog;
use crate::fields::Fields;
use crate::session::{Session, sql, sql_of_parts};

/// When a method runs for a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// A number, as SkySQL's.
    pub id: ScheduleId,
    /// Whose it is.
    pub organization: OrganizationId,
    /// What is backed up.
    pub service: ServiceId,
    /// How.
    pub method: Method,
    /// `once`, or crontab(5).
    pub expression: String,
    /// The name its backups get.
    pub name: Option<String>,
    /// Where they are kept.
    pub target: TargetId,
    /// Of `once`: the state of its job, a word of [`JobState`]. Of others: `scheduled`.
    pub state: String,
    /// When it was asked for.
    pub created_at: Timestamp,
}

impl Schedule {
    /// The expression of a schedule that runs at once and never again.
    pub const ONCE: &str = "once";

    fn from_row(row: &AnyRow) -> Result<Self> {
        let row = Fields(row);
        Ok(Self {
            id: ScheduleId(row.number("id")?),
            organization: row.parsed("organization")?,
            service: row.parsed("service")?,
            method: row.parsed("method")?,
            expression: row.text("expression")?,
            name: row.optional_text("name")?,
            target: row.parsed("target")?,
            state: row.text("state")?,
            created_at: row.time("created_at_us")?,
        })
    }
}

impl Catalog {
    /// One schedule of the organization.
    ///
    /// # Errors
    /// `not-found` when the organization has none of this id.
    pub async fn schedule(&self, organization: &OrganizationId, id: ScheduleId) -> Result<Schedule> {
        let query =
            sql("SELECT * FROM schedules WHERE id = $1 AND organization = $2").bind(id.0).bind(organization.as_str());
        match self.rows(query).await?.first() {
            Some(row) => Schedule::from_row(row),
            None => Err(Failure::not_found(format!("there is no schedule {id}"))),
        }
    }

    /// The organization's schedules, newest first, of one service when given.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn schedules(&self, organization: &OrganizationId, service: Option<&ServiceId>) -> Result<Vec<Schedule>> {
        let of_service = if service.is_some() { " AND service = $2" } else { "" };
        let text = format!("SELECT * FROM schedules WHERE organization = $1{of_service} ORDER BY id DESC");
        let mut query = sql_of_parts(text).bind(organization.as_str());
        if let Some(service) = service {
            query = query.bind(service.as_str());
        }
        self.rows(query).await?.iter().map(Schedule::from_row).collect()
    }
}

/// Writes a new schedule; its id and time are those of the transaction, whatever they are in `schedule`.
pub(crate) async fn insert(session: &mut Session, mut schedule: Schedule) -> Result<Schedule> {
    schedule.id = ScheduleId(next_number(session, "schedule").await?);
    schedule.created_at = session.now();
    let query =
        sql("INSERT INTO schedules (id, organization, service, method, expression, name, target, state, created_at_us)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)")
        .bind(schedule.id.0)
        .bind(schedule.organization.as_str())
        .bind(schedule.service.as_str())
        .bind(schedule.method.as_str())
        .bind(schedule.expression.clone())
        .bind(schedule.name.clone())
        .bind(schedule.target.as_str())
        .bind(schedule.state.clone())
        .bind(schedule.created_at.as_micros());
    session.execute_one("a new schedule", query).await?;
    Ok(schedule)
}

/// A one-time schedule shows the state of its job; a recurring one is left alone.
pub(crate) async fn mirror(session: &mut Session, id: ScheduleId, state: JobState) -> Result<()> {
    let query =
        sql("UPDATE schedules SET state = $1 WHERE id = $2 AND expression = 'once'").bind(state.as_str()).bind(id.0);
    session.execute(query).await.map(|_| ())
}

/// The next of the numbers that people see instead of random ids.
pub(crate) async fn next_number(session: &mut Session, counter: &str) -> Result<i64> {
    let query = sql("UPDATE counters SET value = value + 1 WHERE name = $1 RETURNING value").bind(counter.to_owned());
    match session.row(query).await? {
        Some(row) => Fields(&row).number("value"),
        None => Err(Failure::internal(format!("the catalog has no counter `{counter}`"))),
    }
}
