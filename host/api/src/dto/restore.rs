use std::collections::BTreeMap;

use bulkhead_catalog::{Backup, Restore};
use bulkhead_model::recovery::{RecoveryPlan, Until};
use bulkhead_model::{JobState, Timestamp};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{FailureDto, Status};

/// One restore.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Restore)]
pub struct RestoreDto {
    id: i64,
    /// The service that is restored.
    service_id: String,
    /// Where the backup lies: the target's id, or the address of a bucket of one's own.
    bucket: String,
    /// The backup, or the file in that bucket.
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
    /// The moment that was asked for, `2024-03-26 17:18:21`, UTC; null when it was none, or given as `gtid`.
    point_in_time: Option<String>,
    /// The transactions that were asked for.
    gtid: Option<String>,
    /// Whether a part is put into the service instead of replacing everything.
    partial: bool,
    /// What is restored in which order; null: the backup alone.
    plan: Option<RestorePlan>,
    /// Where it has got to, e.g. `gtid`, `binlog.file`; null until it has.
    reached: Option<BTreeMap<String, String>>,
}

/// What a restore restores in which order.
#[derive(Debug, Serialize, ToSchema)]
struct RestorePlan {
    /// Each on top of the one before.
    backups: Vec<String>,
    /// Backups of logs that are replayed then.
    logs: Vec<String>,
    /// The instant that this leads to.
    #[schema(format = DateTime)]
    point_in_time: String,
    /// Why these, in a sentence.
    why: String,
}

impl From<RecoveryPlan> for RestorePlan {
    fn from(plan: RecoveryPlan) -> Self {
        Self {
            backups: plan.chain.into_iter().map(String::from).collect(),
            logs: plan.logs.into_iter().map(String::from).collect(),
            point_in_time: plan.at.to_string(),
            why: plan.why,
        }
    }
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
        let (bucket, key) = match restore.source {
            Some(source) => (source.bucket, source.key),
            None => (backup.target.to_string(), restore.backup.into()),
        };
        // What another version wrote down may be unreadable for this one; the restore is not.
        let plan = restore.plan.and_then(|plan| serde_json::from_value::<RecoveryPlan>(plan).ok());
        let (point_in_time, gtid) = match plan.as_ref().and_then(|plan| plan.until.as_ref()) {
            Some(Until::Time(instant)) => (Some(instant.to_sql_string()), None),
            Some(Until::Transaction(state)) => (None, Some(state.to_string())),
            None => (None, None),
        };
        Self {
            id: restore.id.0,
            service_id: restore.service.into(),
            bucket,
            key,
            kind: kind.to_owned(),
            status: restore.state.into(),
            message,
            job_id: restore.job.into(),
            created_at: restore.created_at.to_seconds_string(),
            start_time: restore.started_at.map(Timestamp::to_seconds_string),
            end_time: restore.finished_at.map(Timestamp::to_seconds_string),
            failure: restore.failure.map(FailureDto::from),
            point_in_time,
            gtid,
            partial: restore.partial,
            plan: plan.map(RestorePlan::from),
            reached: restore.reached.map(positions),
        }
    }
}

/// Names and values, written as an object or, as reports are, as pairs.
fn positions(reached: Value) -> BTreeMap<String, String> {
    let pairs = serde_json::from_value::<Vec<(String, String)>>(reached.clone());
    pairs.map(|pairs| pairs.into_iter().collect()).or_else(|_| serde_json::from_value(reached)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn positions_are_read_in_both_forms() {
        let expected: BTreeMap<_, _> = [("gtid".to_owned(), "0-1-7".to_owned())].into();
        assert_eq!(positions(json!([["gtid", "0-1-7"]])), expected);
        assert_eq!(positions(json!({"gtid": "0-1-7"})), expected);
        assert_eq!(positions(json!("nothing")), BTreeMap::new());
    }
}
