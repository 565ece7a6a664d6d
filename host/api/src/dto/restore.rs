use bulkhead_catalog::{Backup, Restore};
use bulkhead_model::{JobState, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::{FailureDto, Status};

/// One restore.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Restore)]
pub struct RestoreDto {
    id: i64,
    /// The service that is restored.
    service_id: String,
    /// Where the backup lies: the target's id.
    bucket: String,
    /// The backup.
    key: String,
    /// SkySQL's word: `physical` or `logical`.
    #[serde(rename = "type")]
    kind: String,
    status: Status,
    message: String,
    // Not SkySQL's:
    job_id: String,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    start_time: Option<String>,
    #[schema(format = DateTime)]
    end_time: Option<String>,
    failure: Option<FailureDto>,
}

impl RestoreDto {
    /// From a restore and the backup it restores.
    pub fn new(restore: Restore, backup: &Backup) -> Self {
        let kind = match backup.method.as_str() {
            "full" | "incremental" => "physical",
            "dump" => "logical",
            other => other,
        };
        let message = match (&restore.failure, restore.state) {
            (Some(failure), _) => failure.message.clone(),
            (None, _) if !restore.message.is_empty() => restore.message,
            (None, JobState::Scheduled) => "Restore is scheduled.".to_owned(),
            (None, JobState::Running) => "Restore is running.".to_owned(),
            (None, JobState::Succeeded) => "Restore has succeeded!".to_owned(),
            (None, JobState::Failed) => "Restore has failed.".to_owned(),
            (None, JobState::Cancelled) => "Restore was cancelled.".to_owned(),
        };
        Self {
            id: restore.id.0,
            service_id: restore.service.into(),
            bucket: backup.target.to_string(),
            key: restore.backup.into(),
            kind: kind.to_owned(),
            status: restore.state.into(),
            message,
            job_id: restore.job.into(),
            created_at: restore.created_at.to_seconds_string(),
            start_time: restore.started_at.map(Timestamp::to_seconds_string),
            end_time: restore.finished_at.map(Timestamp::to_seconds_string),
            failure: restore.failure.map(FailureDto::from),
        }
    }
}
