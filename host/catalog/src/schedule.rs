//! Schedules: when a method runs for a service.

mod change;
mod create;
mod due;
mod fire;
mod list;
mod mend;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use bulkhead_model::{
    Expression, Failure, JobState, Method, Misfire, OrganizationId, Result, RetentionPolicy, ScheduleId, ServiceId,
    TargetId, Timestamp, Zone,
};
use sqlx::any::AnyRow;

use crate::count::{Counted, Noun};
use crate::fields::Fields;
use crate::session::{Session, sql, sql_of_parts};

pub use change::ScheduleChange;
pub use create::NewSchedule;
pub(crate) use create::insert_once;
pub use fire::{FireOutcome, Fired};
pub use list::ScheduleFilter;
pub use mend::Mended;

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
    /// The service's engine, for hosts that do not serve it.
    pub engine: String,
    /// The server's name in the ids of its backups, for hosts that do not serve it.
    pub server: String,
    /// Where they are kept.
    pub target: TargetId,
    /// Where they are kept besides.
    pub copies: Vec<TargetId>,
    /// [`Schedule::ONCE`], or the normal form of an [`Expression`].
    pub expression: String,
    /// In which the expression is read and retention counts its days.
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
    /// Of `once`: the backup's name. Of others: the template of their backups' names.
    pub name: Option<String>,
    /// Who made it.
    pub origin: ScheduleOrigin,
    /// Of `once`: the state of its job, a word of [`JobState`]. Of others: `scheduled`.
    pub state: String,
    /// Why the host has disabled it.
    pub message: Option<String>,
    /// When it is due next; `None`: never.
    pub next_due_at: Option<Timestamp>,
    /// The same plus its jitter: when the next job is made.
    pub next_fire_at: Option<Timestamp>,
    /// When it last made a job.
    pub last_fire_at: Option<Timestamp>,
    /// The last due time that was let pass.
    pub last_missed_at: Option<Timestamp>,
    /// Jobs made.
    pub fires: u64,
    /// Fires that came too late and made none.
    pub misses: u64,
    /// Fires that made none because one still waited.
    pub coalesced: u64,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When somebody last changed it.
    pub updated_at: Option<Timestamp>,
    deleted: bool,
    /// The stored zone, when this build does not know it. It then neither fires nor is overwritten by chance.
    unknown_zone: Option<String>,
}

/// Who made a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScheduleOrigin {
    /// A person.
    Manual,
    /// A host, as the default for a service. Deleted, it is not made again.
    Automatic,
}

impl ScheduleOrigin {
    /// The word in the catalog and in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::Automatic => "automatic",
        }
    }
}

impl fmt::Display for ScheduleOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ScheduleOrigin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "manual" => Ok(Self::Manual),
            "automatic" => Ok(Self::Automatic),
            _ => Err(format!("`{text}` is no origin of a schedule")),
        }
    }
}

impl Schedule {
    /// The expression of a schedule that runs at once and never again.
    pub const ONCE: &str = "once";

    /// Whether it runs once and never again.
    pub fn is_once(&self) -> bool {
        self.expression == Self::ONCE
    }

    fn from_row(row: &AnyRow) -> Result<Self> {
        let row = Fields(row);
        let mut message = row.optional_text("message")?;
        // Builds differ in the zones they know. The schedule must still be seen, to be changed or deleted.
        let zone = row.text("timezone")?;
        let (zone, unknown_zone) = match Zone::parse(&zone) {
            Ok(zone) => (zone, None),
            Err(failure) => {
                message.get_or_insert(failure.message);
                (Zone::UTC, Some(zone))
            }
        };
        Ok(Self {
            id: ScheduleId(row.number("id")?),
            organization: row.parsed("organization")?,
            service: row.parsed("service")?,
            method: row.parsed("method")?,
            engine: row.text("engine")?,
            server: row.text("server")?,
            target: row.parsed("target")?,
            copies: row.optional_json("copies")?.unwrap_or_default(),
            expression: row.text("expression")?,
            zone,
            enabled: row.flag("enabled")?,
            misfire: row.parsed("misfire")?,
            misfire_grace: row.duration("misfire_grace_us")?,
            jitter: row.duration("jitter_us")?,
            retention: row.optional_json("retention")?,
            name: row.optional_text("name")?,
            origin: row.parsed("origin")?,
            state: row.text("state")?,
            message,
            next_due_at: row.optional_time("next_due_at_us")?,
            next_fire_at: row.optional_time("next_fire_at_us")?,
            last_fire_at: row.optional_time("last_fire_at_us")?,
            last_missed_at: row.optional_time("last_missed_at_us")?,
            fires: row.unsigned("fires")?,
            misses: row.unsigned("misses")?,
            coalesced: row.unsigned("coalesced")?,
            created_at: row.time("created_at_us")?,
            updated_at: row.optional_time("updated_at_us")?,
            deleted: row.flag("deleted")?,
            unknown_zone,
        })
    }

    fn counted(&self) -> Counted<'_> {
        Counted {
            noun: Noun::Schedule,
            organization: &self.organization,
            service: &self.service,
            kind: if self.is_once() { ONCE } else { RECURRING },
        }
    }
}

/// The kinds that schedules are counted as.
const ONCE: &str = "once";
const RECURRING: &str = "recurring";

/// A one-time schedule shows the state of its job; a recurring one is left alone.
pub(crate) async fn mirror(session: &mut Session, id: ScheduleId, state: JobState) -> Result<()> {
    let query =
        sql("UPDATE schedules SET state = $1 WHERE id = $2 AND expression = 'once'").bind(state.as_str()).bind(id.0);
    session.execute(query).await.map(|_| ())
}

/// A one-time schedule goes with its job.
pub(crate) async fn forget_once(session: &mut Session, id: ScheduleId) -> Result<()> {
    let query = sql("DELETE FROM schedules WHERE id = $1 AND expression = 'once'
             AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.schedule = schedules.id) RETURNING *")
    .bind(id.0);
    if let Some(row) = session.row(query).await? {
        let schedule = Schedule::from_row(&row)?;
        if !schedule.deleted {
            session.counts.moved(&schedule.counted(), Some(""), None);
        }
    }
    Ok(())
}

/// The next of the numbers that people see instead of random ids.
pub(crate) async fn next_number(session: &mut Session, counter: &str) -> Result<i64> {
    let query = sql("UPDATE counters SET value = value + 1 WHERE name = $1 RETURNING value").bind(counter.to_owned());
    match session.row(query).await? {
        Some(row) => Fields(&row).number("value"),
        None => Err(Failure::internal(format!("the catalog has no counter `{counter}`"))),
    }
}

/// Reads a schedule and keeps others from changing it until the end of the transaction.
async fn lock(session: &mut Session, organization: &OrganizationId, id: ScheduleId) -> Result<Schedule> {
    let text =
        format!("SELECT * FROM schedules WHERE id = $1 AND organization = $2 AND deleted = 0{}", session.for_update());
    match session.row(sql_of_parts(text).bind(id.0).bind(organization.as_str())).await? {
        Some(row) => Schedule::from_row(&row),
        None => Err(not_found(id)),
    }
}

fn not_found(id: ScheduleId) -> Failure {
    Failure::not_found(format!("there is no schedule {id}"))
}

/// Reads what recurs; `once` and what is no crontab are refused.
fn recurring(expression: &str) -> Result<Expression> {
    if expression == Schedule::ONCE {
        return Err(Failure::invalid("`once` does not recur").with_hint("make a backup instead of a schedule"));
    }
    Expression::parse(expression)
}
