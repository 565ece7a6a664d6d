use bulkhead_engine::{PlannedBackup, PolicySource, RetentionPlan};
use bulkhead_model::Reason;
use serde::Serialize;
use utoipa::ToSchema;

/// Which backups are kept: a number N, for the N newest, or rules.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = Retention)]
#[expect(dead_code, reason = "for the document; policies write themselves")]
pub enum RetentionSchema {
    /// The newest ones.
    Last(RetentionCount),
    /// By rules; what one of them keeps is kept.
    Rules(RetentionRules),
}

/// How many of the newest ones.
#[derive(Serialize, ToSchema)]
#[schema(minimum = 1, maximum = 100_000)]
pub struct RetentionCount(u32);

/// Rules of retention, of which at least one keeps something. Those that keep nothing may be left out.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(min_properties = 1)]
pub struct RetentionRules {
    /// The newest ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 100_000)]
    keep_last: Option<u32>,
    /// Those that are younger.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 36_500)]
    keep_within_days: Option<u32>,
    /// The newest of each of so many days that have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1000)]
    daily: Option<u32>,
    /// The newest of each of so many ISO weeks that have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1000)]
    weekly: Option<u32>,
    /// The newest of each of so many months that have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1000)]
    monthly: Option<u32>,
    /// The newest of each of so many years that have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1000)]
    yearly: Option<u32>,
}

/// What retention keeps and lets go, and why.
#[derive(Serialize, ToSchema)]
#[schema(as = RetentionPlan)]
pub struct RetentionPlanDto {
    /// By which policy; null keeps all.
    #[schema(value_type = Option<RetentionSchema>)]
    policy: Option<serde_json::Value>,
    /// Whose policy that is: the schedule's own, for its backups, or the service's, for all others of the method.
    source: Source,
    /// Whose days, weeks, months and years are meant.
    timezone: String,
    /// The backups under that policy, newest first.
    backups: Vec<PlannedDto>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = PolicySource)]
enum Source {
    Schedule,
    Service,
}

#[derive(Serialize, ToSchema)]
#[schema(as = PlannedBackup)]
struct PlannedDto {
    id: String,
    #[schema(format = DateTime)]
    created_at: String,
    /// Whether no verification has found it damaged.
    good: bool,
    action: Action,
    /// Why it is kept, in words: `last`, `within`, `daily`, `weekly`, `monthly`, `yearly`, `last_good`, `newer`, `pinned`, `needed_by`, `continues`, `newest_log`, `being_made`, `unclear`, `clock_unsettled`, `too_many`.
    kept_by: Vec<String>,
    /// The same in sentences; or why it expires.
    reasons: Vec<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = PlannedAction)]
enum Action {
    Keep,
    Expire,
}

impl From<RetentionPlan> for RetentionPlanDto {
    fn from(plan: RetentionPlan) -> Self {
        Self {
            policy: plan.policy.map(|policy| policy.to_json()),
            source: match plan.source {
                PolicySource::Schedule => Source::Schedule,
                PolicySource::Service => Source::Service,
            },
            timezone: plan.zone.to_string(),
            backups: plan.backups.into_iter().map(PlannedDto::from).collect(),
        }
    }
}

impl From<PlannedBackup> for PlannedDto {
    fn from(backup: PlannedBackup) -> Self {
        let reasons = &backup.verdict.keep;
        Self {
            created_at: backup.created_at.to_seconds_string(),
            good: backup.good,
            action: if backup.expires { Action::Expire } else { Action::Keep },
            kept_by: reasons.iter().map(|reason| reason.as_str().to_owned()).collect(),
            reasons: match &backup.verdict.removal {
                Some(removal) if backup.expires => vec![removal.to_string()],
                _ => reasons.iter().map(Reason::to_string).collect(),
            },
            id: backup.verdict.id.into(),
        }
    }
}
