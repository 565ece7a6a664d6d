use std::collections::BTreeMap;

use bulkhead_catalog::{Backup, Job, Schedule, ScheduleOrigin};
use bulkhead_model::{JobState, Misfire, TargetId, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::{RetentionSchema, Status};

/// One schedule.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Schedule)]
pub struct ScheduleDto {
    #[schema(minimum = 1)]
    id: i64,
    service_id: String,
    /// `once`, or five fields of crontab(5) in their normal form.
    schedule: String,
    /// The method's name: `full`, `dump`, ...
    #[serde(rename = "type")]
    kind: String,
    /// Of `once`: where its job stands. Of others: `Scheduled`.
    status: Status,
    /// One sentence for people.
    message: String,
    // Not SkySQL's:
    /// Of `once`: the backup's name. Of others: the template of their backups' names.
    name: Option<String>,
    target: String,
    /// Where its backups are kept besides.
    copies: Vec<String>,
    /// The bucket that the schedule brought with it; its credentials are never shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    external_storage: Option<StorageDto>,
    /// In which the expression is read, and retention counts its days.
    timezone: String,
    /// Whether it fires.
    enabled: bool,
    /// When the next job is made, jitter included; null: never.
    #[schema(format = DateTime)]
    next_fire_time: Option<String>,
    /// When it last made a job.
    #[schema(format = DateTime)]
    last_fire_time: Option<String>,
    /// The last due time that was let pass.
    #[schema(format = DateTime)]
    last_missed_time: Option<String>,
    /// What becomes of a run that comes late.
    misfire: MisfireWord,
    misfire_grace_seconds: u64,
    jitter_seconds: u64,
    /// Which of its backups are kept; null: as the service's retention says.
    #[schema(value_type = Option<RetentionSchema>)]
    retention: Option<serde_json::Value>,
    /// Who made it: a person, or the host as the default of a service.
    origin: OriginWord,
    /// Jobs made.
    fires: u64,
    /// Runs that came too late and were let pass.
    misses: u64,
    /// Runs that were left out because one still waited.
    coalesced: u64,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: Option<String>,
    /// The backup that a one-time schedule makes; in the answer to its creation.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    backup_id: Option<String>,
    /// The job that makes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    job_id: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ScheduleMisfire)]
enum MisfireWord {
    RunOnce,
    Skip,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ScheduleOrigin)]
enum OriginWord {
    Manual,
    Automatic,
}

impl ScheduleDto {
    /// The answer to the creation of a one-time schedule.
    pub fn created(schedule: Schedule, backup: &Backup, job: &Job) -> Self {
        let (backup, job) = (backup.id.to_string(), job.id.to_string());
        Self { backup_id: Some(backup), job_id: Some(job), ..Self::from(schedule) }
    }
}

/// Storage of one's own, as SkySQL's requests have it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ScheduleStorage)]
struct StorageDto {
    bucket: StoredBucket,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ScheduleBucket)]
struct StoredBucket {
    /// `s3://...`, `gs://...` or `azure://...`.
    path: String,
}

impl ScheduleDto {
    /// With the bucket, when its target is one that a schedule brought with it.
    #[must_use]
    pub fn with_storage(mut self, addresses: &BTreeMap<TargetId, String>) -> Self {
        let path = self.target.parse().ok().and_then(|target: TargetId| addresses.get(&target).cloned());
        self.external_storage = path.map(|path| StorageDto { bucket: StoredBucket { path } });
        self
    }
}

impl From<Schedule> for ScheduleDto {
    fn from(schedule: Schedule) -> Self {
        let state: JobState = schedule.state.parse().unwrap_or(JobState::Scheduled);
        let message = match schedule.message {
            Some(message) => message,
            None if !schedule.enabled => "Schedule is disabled.".to_owned(),
            None => format!("Backup is {state}."),
        };
        Self {
            id: schedule.id.0,
            service_id: schedule.service.into(),
            schedule: schedule.expression,
            kind: schedule.method.into(),
            status: state.into(),
            message,
            name: schedule.name,
            target: schedule.target.into(),
            copies: schedule.copies.into_iter().map(String::from).collect(),
            external_storage: None,
            timezone: schedule.zone.to_string(),
            enabled: schedule.enabled,
            next_fire_time: schedule.next_fire_at.map(Timestamp::to_seconds_string),
            last_fire_time: schedule.last_fire_at.map(Timestamp::to_seconds_string),
            last_missed_time: schedule.last_missed_at.map(Timestamp::to_seconds_string),
            misfire: match schedule.misfire {
                Misfire::RunOnce => MisfireWord::RunOnce,
                Misfire::Skip => MisfireWord::Skip,
            },
            misfire_grace_seconds: schedule.misfire_grace.as_secs(),
            jitter_seconds: schedule.jitter.as_secs(),
            retention: schedule.retention.map(|policy| policy.to_json()),
            origin: match schedule.origin {
                ScheduleOrigin::Manual => OriginWord::Manual,
                ScheduleOrigin::Automatic => OriginWord::Automatic,
            },
            fires: schedule.fires,
            misses: schedule.misses,
            coalesced: schedule.coalesced,
            created_at: schedule.created_at.to_seconds_string(),
            updated_at: schedule.updated_at.map(Timestamp::to_seconds_string),
            backup_id: None,
            job_id: None,
        }
    }
}
