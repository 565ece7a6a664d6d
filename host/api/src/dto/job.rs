use bulkhead_catalog::Job;
use bulkhead_model::{Failure, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Kind, Status};

/// Why something failed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Failure)]
pub struct FailureDto {
    /// The stable code; `docs/errors.md` lists them.
    code: String,
    /// One lower-case phrase.
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    hint: Option<String>,
    /// Whether another try may help.
    retry: bool,
}

impl From<Failure> for FailureDto {
    fn from(failure: Failure) -> Self {
        let code = failure.kind.code().to_owned();
        Self { code, message: failure.message, hint: failure.hint, retry: failure.retry }
    }
}

/// One run of a backup, restore, reset, verification or deletion.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Job)]
pub struct JobDto {
    #[schema(pattern = "^[0-9a-f]{32}$")]
    id: String,
    kind: Kind,
    service_id: String,
    /// The method's name: `full`, `dump`, ...; of a reset `reset`.
    #[serde(rename = "type")]
    method: String,
    status: Status,
    /// One sentence for people.
    message: String,
    /// What it does just now.
    phase: Option<String>,
    /// Bytes before compression so far.
    plain_bytes: u64,
    /// Bytes in the target so far.
    stored_bytes: u64,
    /// How many plain bytes there will be, when known.
    expected_bytes: Option<u64>,
    attempts_made: u32,
    attempts_max: u32,
    cancel_requested: bool,
    target: Option<String>,
    backup_id: Option<String>,
    restore_id: Option<i64>,
    schedule_id: Option<i64>,
    #[schema(format = DateTime)]
    created_at: String,
    /// When the last attempt began.
    #[schema(format = DateTime)]
    start_time: Option<String>,
    #[schema(format = DateTime)]
    end_time: Option<String>,
    /// Why it failed, or, while attempts remain, why the last one did.
    failure: Option<FailureDto>,
}

impl From<Job> for JobDto {
    fn from(job: Job) -> Self {
        let message = match &job.failure {
            Some(failure) => failure.message.clone(),
            None if job.cancel_requested && !job.state.is_final() => "Job is being cancelled.".to_owned(),
            None => format!("Job is {}.", job.state),
        };
        Self {
            id: job.id.into(),
            kind: job.kind.into(),
            service_id: job.service.into(),
            method: job.method.into(),
            status: job.state.into(),
            message,
            phase: job.phase,
            plain_bytes: job.plain_bytes,
            stored_bytes: job.stored_bytes,
            expected_bytes: job.expected_bytes,
            attempts_made: job.attempts_made,
            attempts_max: job.attempts_max,
            cancel_requested: job.cancel_requested,
            target: job.target.map(String::from),
            backup_id: job.backup.map(String::from),
            restore_id: job.restore.map(|id| id.0),
            schedule_id: job.schedule.map(|id| id.0),
            created_at: job.created_at.to_seconds_string(),
            start_time: job.started_at.map(Timestamp::to_seconds_string),
            end_time: job.finished_at.map(Timestamp::to_seconds_string),
            failure: job.failure.map(FailureDto::from),
        }
    }
}

/// A part of a listing.
#[derive(Debug, Serialize, ToSchema)]
pub struct JobPage {
    /// Newest first.
    pub jobs: Vec<JobDto>,
    /// Of all pages together.
    pub jobs_count: u64,
    /// Zero when there is no job.
    pub pages_count: u64,
}
