use bulkhead_model::{ServiceId, Timestamp, recovery};
use serde::Serialize;
use utoipa::ToSchema;

/// The instants that a service can be restored to.
#[derive(Debug, Serialize, ToSchema)]
pub struct RecoveryWindow {
    service_id: String,
    /// Newest first.
    intervals: Vec<Interval>,
    /// Between and after the intervals, newest first: the service cannot be restored to an instant in one of these.
    gaps: Vec<Gap>,
    /// Within the intervals, newest first: an instant in one of these may be refused, because the stamps of transactions do not agree
    /// on where it is. A transaction (`gtid`) can be named instead.
    doubts: Vec<Doubt>,
}

/// All of its instants can be restored. Both bounds are included.
#[derive(Debug, Serialize, ToSchema)]
struct Interval {
    #[schema(format = DateTime)]
    from: String,
    #[schema(format = DateTime)]
    to: String,
    /// The backup that is restored for it.
    backup_id: String,
    /// The method's name: `full`, `dump`, ...
    #[serde(rename = "type")]
    kind: String,
    /// How many backups of logs continue it; without any, the interval is as short as one instant.
    logs_count: u64,
    /// The run of logs that does: the id of its first backup.
    timeline: Option<String>,
    /// When the backup was last verified.
    #[schema(format = DateTime)]
    verified_at: Option<String>,
    /// How deep that went: `stored`, `content` or `drill`.
    verified_level: Option<String>,
}

/// Some of its instants may be refused. Both bounds are included.
#[derive(Debug, Serialize, ToSchema)]
struct Doubt {
    #[schema(format = DateTime)]
    from: String,
    #[schema(format = DateTime)]
    to: String,
    /// Why, in a sentence.
    cause: String,
}

/// None of the instants in between can be restored.
#[derive(Debug, Serialize, ToSchema)]
struct Gap {
    #[schema(format = DateTime)]
    from: String,
    /// Null: until now.
    #[schema(format = DateTime)]
    to: Option<String>,
    /// Why, in a sentence.
    cause: String,
}

impl RecoveryWindow {
    /// Of a service.
    pub fn new(service: ServiceId, window: recovery::RecoveryWindow) -> Self {
        Self {
            service_id: service.into(),
            intervals: window.intervals.into_iter().map(Interval::from).collect(),
            gaps: window.gaps.into_iter().map(Gap::from).collect(),
            doubts: window.doubts.into_iter().map(Doubt::from).collect(),
        }
    }
}

impl From<recovery::Interval> for Interval {
    fn from(interval: recovery::Interval) -> Self {
        // To the microsecond: these are bounds.
        Self {
            from: interval.from.to_string(),
            to: interval.to.to_string(),
            backup_id: interval.base.into(),
            kind: interval.method.into(),
            logs_count: u64::try_from(interval.logs).unwrap_or(u64::MAX),
            timeline: interval.timeline,
            verified_at: interval.verified_at.map(Timestamp::to_seconds_string),
            verified_level: interval.verified_level,
        }
    }
}

impl From<recovery::Doubt> for Doubt {
    fn from(doubt: recovery::Doubt) -> Self {
        Self { from: doubt.from.to_string(), to: doubt.to.to_string(), cause: doubt.cause }
    }
}

impl From<recovery::Gap> for Gap {
    fn from(gap: recovery::Gap) -> Self {
        Self { from: gap.from.to_string(), to: gap.to.map(|to| to.to_string()), cause: gap.cause }
    }
}
