use std::collections::BTreeMap;

use bulkhead_catalog::{Backup, BackupCopy, CopyState};
use bulkhead_model::{BackupId, BackupState, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::{BackupStatus, FailureDto};

/// One backup.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Backup)]
pub struct BackupDto {
    /// `<32 hex>:<service id>:<server>`; a restore takes it as `key`.
    #[schema(pattern = "^[0-9a-f]{32}:[A-Za-z0-9][A-Za-z0-9._-]{0,62}:[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
    id: String,
    service_id: String,
    /// The method's name: `full`, `dump`, ...
    #[serde(rename = "type")]
    kind: String,
    /// Where it is kept: the target's id.
    method: String,
    /// Where it is kept besides, or is to be.
    copies: Vec<CopyDto>,
    /// The database server it was taken from.
    server_pod: String,
    /// Bytes in the target.
    backup_size: u64,
    /// The backup that its chain begins with, when it is restored on top of others; else empty.
    reference_full_backup: String,
    /// The instant whose state it holds, `2024-03-26 17:18:21`, UTC; null until known.
    point_in_time: Option<String>,
    /// When the last attempt began.
    #[schema(format = DateTime)]
    start_time: Option<String>,
    /// When it succeeded, failed or was cancelled.
    #[schema(format = DateTime)]
    end_time: Option<String>,
    status: BackupStatus,
    // Not SkySQL's:
    name: Option<String>,
    /// The backup it is restored on top of.
    parent_id: Option<String>,
    /// Whether neither retention nor a person may delete it.
    pinned: bool,
    /// One sentence for people.
    message: String,
    /// The job that makes or made it.
    job_id: String,
    #[schema(format = DateTime)]
    created_at: String,
    engine: String,
    server_version: Option<String>,
    /// Bytes in the target, once more under a name that says so.
    stored_size: u64,
    /// Bytes before compression.
    plain_size: u64,
    /// Log positions, e.g. `gtid`, `lsn.to`.
    positions: BTreeMap<String, String>,
    /// The plugin that made it.
    plugin: Option<String>,
    /// SHA-256 of that component.
    plugin_digest: Option<String>,
    #[schema(format = DateTime)]
    verified_at: Option<String>,
    /// How deep that went: `stored`, `content` or `drill`.
    verified_level: Option<String>,
    /// The damage that a verification found, until one that goes as deep finds none.
    suspect: Option<FailureDto>,
    /// How deep the verification went that found it.
    suspect_level: Option<String>,
    /// What the last drill saw, in sentences.
    evidence: Vec<String>,
    /// When the last drill ended, well or not.
    #[schema(format = DateTime)]
    drilled_at: Option<String>,
    /// Why it failed, or, while attempts remain, why the last one did.
    failure: Option<FailureDto>,
}

/// A backup in another target than its own.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BackupCopy)]
struct CopyDto {
    target: String,
    /// `Scheduled` as long as somebody tries.
    status: CopyStatus,
    /// The job that makes or made it.
    job_id: String,
    /// When it succeeded or failed.
    #[schema(format = DateTime)]
    end_time: Option<String>,
    /// Why it failed, or, while attempts remain, why the last one did.
    failure: Option<FailureDto>,
}

#[derive(Debug, Serialize, ToSchema)]
enum CopyStatus {
    Scheduled,
    Succeeded,
    Failed,
}

impl From<BackupCopy> for CopyDto {
    fn from(copy: BackupCopy) -> Self {
        Self {
            target: copy.target.into(),
            status: match copy.state {
                CopyState::Waiting => CopyStatus::Scheduled,
                CopyState::Succeeded => CopyStatus::Succeeded,
                CopyState::Failed => CopyStatus::Failed,
            },
            job_id: copy.job.into(),
            end_time: copy.finished_at.map(Timestamp::to_seconds_string),
            failure: copy.failure.map(FailureDto::from),
        }
    }
}

/// A part of a listing.
#[derive(Debug, Serialize, ToSchema)]
pub struct BackupPage {
    /// Newest first.
    pub backups: Vec<BackupDto>,
    /// Of all pages together.
    pub backups_count: u64,
    /// Zero when there is no backup.
    pub pages_count: u64,
}

impl BackupDto {
    /// From a backup and the one that its chain begins with, unless that is itself.
    pub fn new(backup: Backup, root: Option<BackupId>, copies: Vec<BackupCopy>) -> Self {
        let report = backup.report.unwrap_or_default();
        let point_in_time = report
            .point_in_time
            .as_deref()
            .map(|text| Timestamp::parse_rfc3339(text).map_or_else(|| text.to_owned(), Timestamp::to_sql_string));
        let message = match (&backup.failure, backup.state) {
            (Some(failure), _) => failure.message.clone(),
            (None, _) if backup.suspect.is_some() => "A verification found damage.".to_owned(),
            (None, BackupState::Scheduled) => "Backup is scheduled.".to_owned(),
            (None, BackupState::Running) => "Backup is running.".to_owned(),
            (None, BackupState::Succeeded) => "Backup has succeeded!".to_owned(),
            (None, BackupState::Failed) => "Backup has failed.".to_owned(),
            (None, BackupState::Cancelled) => "Backup was cancelled.".to_owned(),
            (None, BackupState::Deleting) => "Backup is being deleted.".to_owned(),
            (None, BackupState::Deleted) => "Backup is deleted.".to_owned(),
        };
        Self {
            server_pod: backup.id.server().to_owned(),
            id: backup.id.into(),
            service_id: backup.service.into(),
            kind: backup.method.into(),
            method: backup.target.into(),
            copies: copies.into_iter().map(CopyDto::from).collect(),
            backup_size: backup.stored_bytes,
            reference_full_backup: root.map(String::from).unwrap_or_default(),
            point_in_time,
            start_time: backup.started_at.map(Timestamp::to_seconds_string),
            end_time: backup.finished_at.map(Timestamp::to_seconds_string),
            status: backup.state.into(),
            name: backup.name,
            parent_id: backup.parent.map(String::from),
            pinned: backup.pinned,
            message,
            job_id: backup.job.into(),
            created_at: backup.created_at.to_seconds_string(),
            engine: backup.engine,
            server_version: Some(report.server_version).filter(|version| !version.is_empty()),
            stored_size: backup.stored_bytes,
            plain_size: backup.plain_bytes,
            positions: report.positions.into_iter().collect(),
            plugin: backup.plugin_name,
            plugin_digest: backup.plugin_digest.map(|digest| digest.to_string()),
            verified_at: backup.verified_at.map(Timestamp::to_seconds_string),
            verified_level: backup.verified_level,
            suspect: backup.suspect.map(FailureDto::from),
            suspect_level: backup.suspect_level,
            evidence: backup.evidence,
            drilled_at: backup.drilled_at.map(Timestamp::to_seconds_string),
            failure: backup.failure.map(FailureDto::from),
        }
    }
}
