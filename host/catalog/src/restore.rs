//! Restores: a service overwritten with a backup.

mod external;

use bulkhead_model::{
    BackupId, Failure, JobId, JobKind, JobState, Method, OrganizationId, RestoreId, Result, ServiceId, TargetId,
    Timestamp,
};
use serde_json::Value;
use sqlx::any::AnyRow;

use crate::backup;
use crate::catalog::Catalog;
use crate::count::{CountFilter, Counted, Noun};
use crate::fields::{self, Fields, plain};
use crate::idempotency::{self, Idempotency, Made};
use crate::job::{self, Job};
use crate::list::{Page, Selection};
use crate::schedule::next_number;
use crate::session::{Session, sql, sql_of_parts, words};

pub use external::{NewExternalRestore, RestoreSource};

/// A service overwritten with a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restore {
    /// A number, as SkySQL's.
    pub id: RestoreId,
    /// Whose it is.
    pub organization: OrganizationId,
    /// What is overwritten.
    pub service: ServiceId,
    /// With what. For one from a file that Bulkhead has not made, a row that stands for it.
    pub backup: BackupId,
    /// The file, when it is none of Bulkhead's.
    pub source: Option<RestoreSource>,
    /// The job that does it.
    pub job: JobId,
    /// The job's state.
    pub state: JobState,
    /// One sentence for people.
    pub message: String,
    /// Why it failed, or, while attempts remain, why the last one did.
    pub failure: Option<Failure>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When the last attempt began.
    pub started_at: Option<Timestamp>,
    /// When it became final.
    pub finished_at: Option<Timestamp>,
    /// No longer listed, kept for the record.
    pub hidden: bool,
    /// What is restored in which order, in the engine's words. `None`: the backup alone.
    pub plan: Option<Value>,
    /// Which positions were reached, in the engine's words.
    pub reached: Option<Value>,
    /// Whether a part is put beside the rest of the data instead of replacing all.
    pub partial: bool,
}

impl Restore {
    fn from_row(row: &AnyRow) -> Result<Self> {
        let row = Fields(row);
        Ok(Self {
            id: RestoreId(row.number("id")?),
            organization: row.parsed("organization")?,
            service: row.parsed("service")?,
            backup: row.parsed("backup")?,
            source: row.optional_json("source")?,
            job: row.parsed("job")?,
            state: row.parsed("state")?,
            message: row.text("message")?,
            failure: row.optional_json("failure")?,
            created_at: row.time("created_at_us")?,
            started_at: row.optional_time("started_at_us")?,
            finished_at: row.optional_time("finished_at_us")?,
            hidden: row.flag("hidden")?,
            plan: row.optional_json("plan")?,
            reached: row.optional_json("reached")?,
            partial: row.flag("partial")?,
        })
    }

    fn counted(&self) -> Counted<'_> {
        Counted { noun: Noun::Restore, organization: &self.organization, service: &self.service, kind: "" }
    }
}

const KIND: &str = "restore";

/// Which restores to list.
#[derive(Clone, Debug)]
pub struct RestoreFilter {
    /// Only of this service.
    pub service: Option<ServiceId>,
    /// Only of these services.
    pub services: Option<Vec<ServiceId>>,
    /// Only in this state.
    pub state: Option<JobState>,
    /// The page, from 1.
    pub page: u32,
    /// Restores on a page, at least 1.
    pub page_size: u32,
}

impl Default for RestoreFilter {
    fn default() -> Self {
        Self { service: None, services: None, state: None, page: 1, page_size: 50 }
    }
}

/// A restore to be run.
#[derive(Clone, Debug)]
pub struct NewRestore {
    /// Whose service and backup they are.
    pub organization: OrganizationId,
    /// What is overwritten.
    pub service: ServiceId,
    /// With what.
    pub backup: BackupId,
    /// What is read besides: the rest of a chain, and logs. None of it is deleted before the restore has ended.
    pub uses: Vec<BackupId>,
    /// What is restored in which order, in the engine's words. `None`: the backup alone.
    pub plan: Option<Value>,
    /// Whether a part is put beside the rest of the data instead of replacing all.
    pub partial: bool,
    /// The job that has to end first, one way or another.
    pub after: Option<JobId>,
    /// What was asked, for the engine. Never holds a secret.
    pub request: Value,
    /// Attempts allowed, at least 1.
    pub attempts_max: u32,
    /// So that a request that comes twice is carried out once.
    pub idempotency: Option<Idempotency>,
}

impl Catalog {
    /// Schedules a restore.
    ///
    /// # Errors
    /// `not-found` when the organization has no such backups; `conflict` when one did not succeed or is being deleted, or
    /// when the idempotency key stands for another request.
    pub async fn schedule_restore(&self, new: NewRestore) -> Result<Made<(Restore, Job)>> {
        let mut session = self.begin().await?;
        let (organization, key) = (new.organization.clone(), new.idempotency.clone());
        if let Some(object) = idempotency::begin(&mut session, &organization, key.as_ref(), KIND).await? {
            drop(session);
            return restored_before(self, &organization, &object).await;
        }
        let backup = backup::lock_succeeded(&mut session, &new.organization, &new.backup).await?;
        for used in new.uses.iter().filter(|used| **used != new.backup) {
            backup::lock_succeeded(&mut session, &new.organization, used).await?;
        }
        let row = Row {
            uses: &new.uses,
            plan: new.plan.as_ref(),
            partial: new.partial,
            source: None,
            after: new.after.as_ref(),
        };
        let draft = Draft {
            organization: new.organization,
            service: new.service,
            method: backup.method,
            target: backup.target,
            backup: backup.id,
            job: JobId::new(),
            request: new.request,
            attempts_max: new.attempts_max,
        };
        let (restore, job) = write(&mut session, row, draft).await?;
        idempotency::settle(&mut session, &organization, key.as_ref(), job.id.as_str()).await?;
        session.commit().await?;
        Ok(Made::now((restore, job)))
    }

    /// One restore of the organization, hidden or not.
    ///
    /// # Errors
    /// `not-found` when the organization has none of this id.
    pub async fn restore(&self, organization: &OrganizationId, id: RestoreId) -> Result<Restore> {
        let query =
            sql("SELECT * FROM restores WHERE id = $1 AND organization = $2").bind(id.0).bind(organization.as_str());
        match self.rows(query).await?.first() {
            Some(row) => Restore::from_row(row),
            None => Err(Failure::not_found(format!("there is no restore {id}"))),
        }
    }

    /// The organization's restores that are not hidden, newest first, one page; and how many there are on all pages.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn restores(&self, organization: &OrganizationId, filter: &RestoreFilter) -> Result<(Vec<Restore>, u64)> {
        let state = filter.state.map(JobState::as_str);
        let total = self
            .total(&CountFilter {
                noun: Noun::Restore,
                organization,
                service: filter.service.as_ref(),
                services: filter.services.as_deref(),
                kind: None,
                state,
            })
            .await?;
        let mut selection = Selection::new("restores", organization);
        selection.given("hidden = 0");
        selection.of_services(filter.service.as_ref(), filter.services.as_deref());
        selection.only("state", state);
        let page = Page { number: filter.page, size: filter.page_size, total };
        let rows = self.page(selection, &["created_at_us", "id"], page).await?;
        Ok((rows.iter().map(Restore::from_row).collect::<Result<_>>()?, total))
    }

    /// Takes a finished restore out of the list.
    ///
    /// # Errors
    /// `not-found`; `conflict` when it has not finished.
    pub async fn hide_restore(&self, organization: &OrganizationId, id: RestoreId) -> Result<Restore> {
        let mut session = self.begin().await?;
        let finished = words(JobState::ALL.iter().filter(|state| state.is_final()).map(|state| state.as_str()));
        let text = format!(
            "UPDATE restores SET hidden = 1
             WHERE id = $1 AND organization = $2 AND hidden = 0 AND state IN ({finished}) RETURNING *"
        );
        let Some(row) = session.row(sql_of_parts(text).bind(id.0).bind(organization.as_str())).await? else {
            drop(session);
            let restore = self.restore(organization, id).await?;
            if restore.hidden {
                return Ok(restore);
            }
            let state = restore.state;
            return Err(Failure::conflict(format!("restore {id} has not finished: it is {state}"))
                .with_hint("cancel its job first"));
        };
        let restore = Restore::from_row(&row)?;
        session.counts.moved(&restore.counted(), Some(restore.state.as_str()), None);
        session.commit().await?;
        Ok(restore)
    }
}

/// What a request that came before has made.
async fn restored_before(
    catalog: &Catalog,
    organization: &OrganizationId,
    object: &str,
) -> Result<Made<(Restore, Job)>> {
    let job = catalog.job(organization, &job::made_before(object)?).await?;
    let id = job.restore.ok_or_else(|| Failure::internal(format!("job {} restores nothing", job.id)))?;
    Ok(Made::before((catalog.restore(organization, id).await?, job)))
}

/// What the row of a new restore says besides its job.
struct Row<'a> {
    uses: &'a [BackupId],
    plan: Option<&'a Value>,
    partial: bool,
    /// The file, and what opens it, sealed.
    source: Option<(&'a RestoreSource, &'a str)>,
    after: Option<&'a JobId>,
}

/// What the job of a new restore is made of.
struct Draft {
    organization: OrganizationId,
    service: ServiceId,
    method: Method,
    target: TargetId,
    backup: BackupId,
    job: JobId,
    request: Value,
    attempts_max: u32,
}

/// Writes a restore, and the job that does it.
async fn write(session: &mut Session, row: Row<'_>, draft: Draft) -> Result<(Restore, Job)> {
    let id = RestoreId(next_number(session, "restore").await?);
    let query = sql(
        "INSERT INTO restores (id, organization, service, backup, job, state, message, created_at_us, hidden, uses,
             plan, partial, source, source_sealed)
         VALUES ($1, $2, $3, $4, $5, 'scheduled', $6, $7, 0, $8, $9, $10, $11, $12) RETURNING *",
    )
    .bind(id.0)
    .bind(draft.organization.as_str().to_owned())
    .bind(draft.service.as_str().to_owned())
    .bind(draft.backup.as_str().to_owned())
    .bind(draft.job.as_str().to_owned())
    .bind(sentence(JobState::Scheduled, None))
    .bind(session.now().as_micros())
    .bind(if row.uses.is_empty() { None } else { Some(fields::json(&row.uses)?) })
    .bind(fields::optional_json(row.plan)?)
    .bind(i64::from(row.partial))
    .bind(row.source.map(|(source, _)| fields::json(source)).transpose()?)
    .bind(row.source.map(|(_, sealed)| sealed.to_owned()));
    let Some(written) = session.row(query).await? else {
        return Err(Failure::internal("a new restore was not written"));
    };
    let restore = Restore::from_row(&written)?;
    session.counts.moved(&restore.counted(), None, Some(restore.state.as_str()));
    let draft = job::Draft {
        id: draft.job,
        organization: draft.organization,
        service: draft.service,
        kind: JobKind::Restore,
        method: draft.method,
        target: Some(draft.target),
        backup: Some(draft.backup),
        restore: Some(id),
        schedule: None,
        request: draft.request,
        attempts_max: draft.attempts_max,
    };
    let job = job::insert(session, draft).await?;
    if let Some(after) = row.after {
        job::wait_for(session, &job.id, after).await?;
    }
    Ok((restore, job))
}

/// Takes a restore into its job's state. What opened a file is forgotten once nobody will open it again.
pub(crate) async fn enter(
    session: &mut Session,
    id: RestoreId,
    from: JobState,
    to: JobState,
    failure: Option<&Failure>,
) -> Result<()> {
    let now = session.now().as_micros();
    let query =
        sql("UPDATE restores SET state = $1, message = $2, failure = $3, started_at_us = COALESCE($4, started_at_us),
             finished_at_us = $5, source_sealed = CASE WHEN CAST($5 AS BIGINT) IS NULL THEN source_sealed END
         WHERE id = $6 AND state = $7 RETURNING *")
        .bind(to.as_str())
        .bind(sentence(to, failure))
        .bind(fields::optional_json(failure)?)
        .bind((to == JobState::Running).then_some(now))
        .bind(to.is_final().then_some(now))
        .bind(id.0)
        .bind(from.as_str());
    let Some(row) = session.row(query).await? else {
        return Err(Failure::internal(format!("restore {id} is not in its job's state, {from}")));
    };
    let restore = Restore::from_row(&row)?;
    // One that is hidden is not counted. It has ended; but it may turn out to have ended otherwise.
    if !restore.hidden {
        session.counts.moved(&restore.counted(), Some(from.as_str()), Some(to.as_str()));
    }
    Ok(())
}

/// Replaces the sentence for people, and says where the restore has got to.
pub(crate) async fn set_reached(
    session: &mut Session,
    id: RestoreId,
    message: &str,
    reached: Option<&Value>,
) -> Result<()> {
    let query = sql("UPDATE restores SET message = $1, reached = COALESCE($2, reached) WHERE id = $3")
        .bind(plain(message))
        .bind(fields::optional_json(reached)?)
        .bind(id.0);
    session.execute_one("what a restore has reached", query).await
}

/// Whether a restore only adds a part.
pub(crate) async fn is_partial(session: &mut Session, id: RestoreId) -> Result<bool> {
    let query = sql("SELECT partial FROM restores WHERE id = $1").bind(id.0);
    match session.row(query).await? {
        Some(row) => Fields(&row).flag("partial"),
        None => Err(Failure::internal(format!("the catalog has lost restore {id}"))),
    }
}

/// The job of a restore that has not ended and reads a backup besides the one that it is said to restore.
pub(crate) async fn using(
    session: &mut Session,
    organization: &OrganizationId,
    backup: &BackupId,
) -> Result<Option<JobId>> {
    let query =
        sql("SELECT job, uses FROM restores WHERE organization = $1 AND finished_at_us IS NULL AND uses IS NOT NULL
         ORDER BY id")
        .bind(organization.as_str());
    for row in &session.rows(query).await? {
        let row = Fields(row);
        if row.json::<Vec<BackupId>>("uses")?.contains(backup) {
            return row.parsed("job").map(Some);
        }
    }
    Ok(None)
}

fn sentence(state: JobState, failure: Option<&Failure>) -> String {
    let text = match state {
        JobState::Scheduled => "Restore is scheduled.",
        JobState::Running => "Restore is running.",
        JobState::Succeeded => "Restore has succeeded!",
        JobState::Failed => "Restore has failed",
        JobState::Cancelled => "Restore was cancelled.",
    };
    match failure {
        Some(failure) if state == JobState::Failed => format!("{text}: {}", plain(&failure.message)),
        Some(failure) if state == JobState::Scheduled => {
            format!("{text} The last attempt failed: {}", plain(&failure.message))
        }
        _ => text.to_owned(),
    }
}
