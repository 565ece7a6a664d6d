use bulkhead_catalog::{Backup, Job, Schedule};
use bulkhead_model::JobState;
use serde::Serialize;
use utoipa::ToSchema;

use super::Status;

/// One schedule.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Schedule)]
pub struct ScheduleDto {
    #[schema(minimum = 1)]
    id: i64,
    service_id: String,
    /// `once`, or five fields of crontab(5).
    schedule: String,
    /// The method's name: `full`, `dump`, ...
    #[serde(rename = "type")]
    kind: String,
    status: Status,
    /// One sentence for people.
    message: String,
    // Not SkySQL's:
    name: Option<String>,
    target: String,
    #[schema(format = DateTime)]
    created_at: String,
    /// The backup that a one-time schedule makes; in the answer to its creation.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    backup_id: Option<String>,
    /// The job that makes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    job_id: Option<String>,
}

impl ScheduleDto {
    /// The answer to the creation of a one-time schedule.
    pub fn created(schedule: Schedule, backup: Backup, job: Job) -> Self {
        Self { backup_id: Some(backup.id.into()), job_id: Some(job.id.into()), ..Self::from(schedule) }
    }
}

impl From<Schedule> for ScheduleDto {
    fn from(schedule: Schedule) -> Self {
        let state: JobState = schedule.state.parse().unwrap_or(JobState::Scheduled);
        Self {
            id: schedule.id.0,
            service_id: schedule.service.into(),
            schedule: schedule.expression,
            kind: schedule.method.into(),
            status: state.into(),
            message: format!("Backup is {state}."),
            name: schedule.name,
            target: schedule.target.into(),
            created_at: schedule.created_at.to_seconds_string(),
            backup_id: None,
            job_id: None,
        }
    }
}
