//! Words that answers choose from, as closed lists in the document.

use bulkhead_model::{BackupState, JobKind, JobState, Role};
use serde::Serialize;
use utoipa::ToSchema;

/// Where a job, restore or schedule stands: SkySQL's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub enum Status {
    /// It waits.
    Scheduled,
    /// It is being done.
    Running,
    /// It was done.
    Succeeded,
    /// It could not be done.
    Failed,
    /// It was stopped on request.
    Cancelled,
}

impl From<JobState> for Status {
    fn from(state: JobState) -> Self {
        match state {
            JobState::Scheduled => Self::Scheduled,
            JobState::Running => Self::Running,
            JobState::Succeeded => Self::Succeeded,
            JobState::Failed => Self::Failed,
            JobState::Cancelled => Self::Cancelled,
        }
    }
}

/// Where a backup stands: SkySQL's words, and two for backups on their way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub enum BackupStatus {
    /// Its job waits.
    Scheduled,
    /// It is being made.
    Running,
    /// It restores.
    Succeeded,
    /// It could not be made.
    Failed,
    /// It was stopped on request.
    Cancelled,
    /// On its way out.
    Deleting,
    /// Gone; the record of it remains.
    Deleted,
}

impl From<BackupState> for BackupStatus {
    fn from(state: BackupState) -> Self {
        match state {
            BackupState::Scheduled => Self::Scheduled,
            BackupState::Running => Self::Running,
            BackupState::Succeeded => Self::Succeeded,
            BackupState::Failed => Self::Failed,
            BackupState::Cancelled => Self::Cancelled,
            BackupState::Deleting => Self::Deleting,
            BackupState::Deleted => Self::Deleted,
        }
    }
}

/// What a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Makes a backup.
    Backup,
    /// Restores one.
    Restore,
    /// Empties a service.
    Reset,
    /// Proves one.
    Verify,
    /// Deletes one.
    Expire,
    /// Puts one into another target as well.
    Copy,
}

impl From<JobKind> for Kind {
    fn from(kind: JobKind) -> Self {
        match kind {
            JobKind::Backup => Self::Backup,
            JobKind::Restore => Self::Restore,
            JobKind::Reset => Self::Reset,
            JobKind::Verify => Self::Verify,
            JobKind::Expire => Self::Expire,
            JobKind::Copy => Self::Copy,
        }
    }
}

/// A role; each includes the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum RoleWord {
    /// Reads.
    Viewer,
    /// Runs backups, verifies, cancels.
    Operator,
    /// Schedules, restores, deletes, configures.
    Administrator,
}

impl From<Role> for RoleWord {
    fn from(role: Role) -> Self {
        match role {
            Role::Viewer => Self::Viewer,
            Role::Operator => Self::Operator,
            Role::Administrator => Self::Administrator,
        }
    }
}

/// The catalog's word for a state, from SkySQL's or from the command line's.
pub fn state_word(text: &str) -> String {
    match text.to_lowercase().as_str() {
        "pending" => "scheduled".to_owned(),
        "in_progress" => "running".to_owned(),
        "completed" => "succeeded".to_owned(),
        "canceled" => "cancelled".to_owned(),
        other => other.to_owned(),
    }
}
