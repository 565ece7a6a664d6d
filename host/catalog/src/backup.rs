//! Backups: the catalogued results.

mod copies;
mod create;
mod delete;
mod left;
mod list;
mod register;
mod resolve;
mod retained;

use bulkhead_model::{
    BackupId, BackupState, Digest, Failure, JobId, Method, OrganizationId, Report, Result, ServiceId, TargetId,
    Timestamp,
};
use sqlx::any::AnyRow;

use crate::count::{Counted, Counts, Noun};
use crate::fields::{self, Fields};
use crate::session::{Session, sql, sql_of_parts};

pub use copies::{BackupCopy, CopyOutcome, CopyState, NewCopy};
pub(crate) use copies::{follow as follow_copies, forget as forget_copies, settle as settle_copies};
pub use create::NewBackup;
pub(crate) use create::{BackupDraft, insert};
pub(crate) use delete::{mark_deleting, unmark_deleting};
pub use left::KnownBackup;
pub use list::BackupFilter;
pub use register::FoundBackup;
pub use retained::{Keeper, Retained, RetainedBackup};

/// A catalogued backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// Its id.
    pub id: BackupId,
    /// Whose it is.
    pub organization: OrganizationId,
    /// What was backed up.
    pub service: ServiceId,
    /// How.
    pub method: Method,
    /// The service's engine, e.g. `mariadb`.
    pub engine: String,
    /// The name a person gave it. Several backups may have the same.
    pub name: Option<String>,
    /// Where its objects lie.
    pub target: TargetId,
    /// Where in its target they lie, when another installation put them there; ends with `/`.
    pub folder: Option<String>,
    /// Neither retention nor a person deletes it.
    pub pinned: bool,
    /// Where it stands.
    pub state: BackupState,
    /// The job that makes or made it.
    pub job: JobId,
    /// The backup it is restored on top of.
    pub parent: Option<BackupId>,
    /// Bytes before compression.
    pub plain_bytes: u64,
    /// Bytes in the target.
    pub stored_bytes: u64,
    /// What the method said of it.
    pub report: Option<Report>,
    /// The plugin that made it.
    pub plugin_name: Option<String>,
    /// SHA-256 of that component.
    pub plugin_digest: Option<Digest>,
    /// SHA-256 of the manifest as stored, hexadecimal.
    pub manifest_sha256: Option<String>,
    /// Why it failed, or, while attempts remain, why the last one did.
    pub failure: Option<Failure>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When the last attempt began.
    pub started_at: Option<Timestamp>,
    /// When it succeeded, failed or was cancelled.
    pub finished_at: Option<Timestamp>,
    /// When it was last verified.
    pub verified_at: Option<Timestamp>,
    /// How deep that went.
    pub verified_level: Option<String>,
    /// The damage that a verify found, until one that goes as deep finds none.
    pub suspect: Option<Failure>,
    /// How deep the verify went that found it.
    pub suspect_level: Option<String>,
    /// What the last drill saw, in sentences.
    pub evidence: Vec<String>,
    /// When the last drill ended, well or not.
    pub drilled_at: Option<Timestamp>,
}

impl Backup {
    pub(crate) fn from_row(row: &AnyRow) -> Result<Self> {
        let row = Fields(row);
        Ok(Self {
            id: row.parsed("id")?,
            organization: row.parsed("organization")?,
            service: row.parsed("service")?,
            method: row.parsed("method")?,
            engine: row.text("engine")?,
            name: row.optional_text("name")?,
            target: row.parsed("target")?,
            folder: row.optional_text("folder")?,
            pinned: row.flag("pinned")?,
            state: row.parsed("state")?,
            job: row.parsed("job")?,
            parent: row.optional_parsed("parent")?,
            plain_bytes: row.unsigned("plain_bytes")?,
            stored_bytes: row.unsigned("stored_bytes")?,
            report: row.optional_json("report")?,
            plugin_name: row.optional_text("plugin_name")?,
            plugin_digest: row.optional_parsed("plugin_digest")?,
            manifest_sha256: row.optional_text("manifest_sha256")?,
            failure: row.optional_json("failure")?,
            created_at: row.time("created_at_us")?,
            started_at: row.optional_time("started_at_us")?,
            finished_at: row.optional_time("finished_at_us")?,
            verified_at: row.optional_time("verified_at_us")?,
            verified_level: row.optional_text("verified_level")?,
            suspect: row.optional_json("suspect")?,
            suspect_level: row.optional_text("suspect_level")?,
            evidence: row.optional_json("evidence")?.unwrap_or_default(),
            drilled_at: row.optional_time("drilled_at_us")?,
        })
    }

    /// Its row is gone.
    pub(crate) fn forgotten(&self, counts: &mut Counts) {
        if self.state != BackupState::Deleted {
            counts.moved(&self.counted(), Some(self.state.as_str()), None);
        }
    }

    fn counted(&self) -> Counted<'_> {
        Counted {
            noun: Noun::Backup,
            organization: &self.organization,
            service: &self.service,
            kind: self.method.as_str(),
        }
    }
}

/// Reads a backup and keeps others from changing it until the end of the transaction.
pub(crate) async fn lock(session: &mut Session, organization: &OrganizationId, id: &BackupId) -> Result<Backup> {
    let text = format!("SELECT * FROM backups WHERE id = $1 AND organization = $2{}", session.for_update());
    let query = sql_of_parts(text).bind(id.as_str()).bind(organization.as_str());
    match session.row(query).await? {
        Some(row) => Backup::from_row(&row),
        None => Err(not_found(id.as_str())),
    }
}

/// Keeps a backup that something is about to depend on from being deleted meanwhile.
pub(crate) async fn lock_succeeded(
    session: &mut Session,
    organization: &OrganizationId,
    id: &BackupId,
) -> Result<Backup> {
    let backup = lock(session, organization, id).await?;
    match backup.state {
        BackupState::Succeeded => Ok(backup),
        state => Err(Failure::conflict(format!("backup {id} cannot be used: it is {state}"))),
    }
}

/// Takes a backup into another state.
///
/// # Errors
/// `conflict` when it is not in the state it comes from, or when that is no legal predecessor.
pub(crate) async fn enter(
    session: &mut Session,
    id: &BackupId,
    from: BackupState,
    to: BackupState,
    failure: Option<&Failure>,
) -> Result<()> {
    let now = session.now().as_micros();
    let ended = matches!(to, BackupState::Succeeded | BackupState::Failed | BackupState::Cancelled);
    let gone = matches!(to, BackupState::Deleted | BackupState::Failed | BackupState::Cancelled);
    // Of a backup that goes away, the record of how it ended remains.
    let query = sql(
        "UPDATE backups SET state = $1, failure = COALESCE($2, CASE WHEN $1 IN ('deleting', 'deleted') THEN failure END),
             started_at_us = COALESCE($3, started_at_us), finished_at_us = COALESCE($4, finished_at_us),
             ended_at_us = $7
         WHERE id = $5 AND state = $6 RETURNING *",
    )
        .bind(to.as_str())
        .bind(fields::optional_json(failure)?)
        .bind((to == BackupState::Running).then_some(now))
        .bind(ended.then_some(now))
        .bind(id.as_str())
        .bind(from.as_str())
        .bind(gone.then_some(now));
    let row = if to.predecessors().contains(&from) { session.row(query).await? } else { None };
    let Some(row) = row else {
        return Err(Failure::conflict(format!("backup {id} is not in a state that `{to}` can follow")));
    };
    // What is deleted is not listed, and so not counted.
    let to = (to != BackupState::Deleted).then_some(to.as_str());
    session.counts.moved(&Backup::from_row(&row)?.counted(), Some(from.as_str()), to);
    Ok(())
}

fn not_found(text: &str) -> Failure {
    Failure::not_found(format!("there is no backup `{text}`"))
}
