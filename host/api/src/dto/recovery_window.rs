use bulkhead_catalog::Backup;
use bulkhead_model::{ServiceId, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use crate::fields::Paged;

/// The instants that a service can be restored to.
#[derive(Debug, Serialize, ToSchema)]
pub struct RecoveryWindow {
    service_id: String,
    /// Newest first.
    intervals: Vec<Interval>,
    /// Between the intervals, newest first: the service cannot be restored to an instant in one of these.
    gaps: Vec<Gap>,
    /// Succeeded backups on all pages, damaged ones too, which make no interval.
    backups_count: u64,
    /// Zero when there is no backup.
    pages_count: u64,
}

/// All of its instants can be restored.
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
    /// When it was last verified.
    #[schema(format = DateTime)]
    verified_at: Option<String>,
}

/// None of the instants in between can be restored.
#[derive(Debug, Serialize, ToSchema)]
struct Gap {
    #[schema(format = DateTime)]
    from: String,
    /// Null: until now.
    #[schema(format = DateTime)]
    to: Option<String>,
}

impl RecoveryWindow {
    /// From a page of succeeded backups; `newest` says that it is the first page.
    pub fn new(service: &ServiceId, backups: &[Backup], newest: bool, paged: Paged) -> Self {
        let good = backups.iter().filter(|backup| backup.suspect.is_none());
        let mut good: Vec<(Timestamp, &Backup)> = good.map(|backup| (instant(backup), backup)).collect();
        good.sort_by_key(|(at, backup)| (std::cmp::Reverse(*at), backup.id.as_str()));
        let mut gaps = Vec::new();
        if newest && let Some((at, _)) = good.first() {
            gaps.push(Gap { from: at.to_seconds_string(), to: None });
        }
        for pair in good.windows(2) {
            let (later, earlier) = (pair[0].0, pair[1].0);
            if later > earlier {
                gaps.push(Gap { from: earlier.to_seconds_string(), to: Some(later.to_seconds_string()) });
            }
        }
        let interval = |(at, backup): (Timestamp, &Backup)| Interval {
            from: at.to_seconds_string(),
            to: at.to_seconds_string(),
            backup_id: backup.id.to_string(),
            kind: backup.method.to_string(),
            verified_at: backup.verified_at.map(Timestamp::to_seconds_string),
        };
        Self {
            service_id: service.to_string(),
            intervals: good.into_iter().map(interval).collect(),
            gaps,
            backups_count: paged.total,
            pages_count: paged.pages,
        }
    }
}

/// The instant whose state a backup holds: as its method says, or else when it was begun.
fn instant(backup: &Backup) -> Timestamp {
    let said = backup.report.as_ref().and_then(|report| Timestamp::parse_rfc3339(report.point_in_time.as_deref()?));
    said.or(backup.started_at).unwrap_or(backup.created_at)
}
