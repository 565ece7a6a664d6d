use bulkhead_catalog::{Backup, Job, Schedule};
use serde::Serialize;

/// One schedule.
#[derive(Debug, Serialize)]
pub struct ScheduleDto {
    id: i64,
    service_id: String,
    schedule: String,
    #[serde(rename = "type")]
    kind: String,
    status: String,
    message: String,
    // Not SkySQL's:
    name: Option<String>,
    target: String,
    created_at: String,
    /// The backup that a one-time schedule makes; in the answer to its creation.
    #[serde(skip_serializing_if = "Option::is_none")]
    backup_id: Option<String>,
    /// The job that makes it.
    #[serde(skip_serializing_if = "Option::is_none")]
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
        let status = capitalised(&schedule.state);
        let message = format!("Backup is {}.", schedule.state);
        Self {
            id: schedule.id.0,
            service_id: schedule.service.into(),
            schedule: schedule.expression,
            kind: schedule.method.into(),
            status,
            message,
            name: schedule.name,
            target: schedule.target.into(),
            created_at: schedule.created_at.to_seconds_string(),
            backup_id: None,
            job_id: None,
        }
    }
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
