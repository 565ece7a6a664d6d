//! What a service can be restored with, as the catalog has it, put into the words in which it is planned.

use bulkhead_catalog::HistoryRow;
use bulkhead_model::recovery::{History, Record};
use bulkhead_model::{BackupId, FailureKind, Method, OrganizationId, Report, Result, ServiceId, Timestamp};

use crate::config::ServiceConfig;
use crate::engine::Inner;

/// The history of a service.
pub(crate) async fn of(engine: &Inner, organization: &OrganizationId, service: &ServiceId) -> Result<History> {
    let rows = engine.catalog.history(organization, service).await?;
    let records: Vec<Record> = rows.backups.into_iter().map(record).collect();
    from_records(engine, organization, &records, rows.restores).await
}

/// The same without logs: what restores alone, or on top of others.
pub(crate) async fn of_bases(engine: &Inner, service: &ServiceConfig) -> Result<History> {
    let is_base = |method: &Method| !engine.is_log(&service.engine, method);
    let rows = engine.catalog.history_of(&service.organization, &service.id, is_base).await?;
    let records: Vec<Record> = rows.backups.into_iter().map(record).collect();
    from_records(engine, &service.organization, &records, rows.restores).await
}

/// The history that these make. Of timelines whose first backup is gone, the catalog still knows when that was begun.
pub(crate) async fn from_records(
    engine: &Inner,
    organization: &OrganizationId,
    records: &[Record],
    restores: Vec<Timestamp>,
) -> Result<History> {
    let mut history = History::from_records(records, restores);
    for (timeline, begun) in &mut history.roots {
        let Ok(id) = timeline.parse::<BackupId>() else { continue };
        match engine.catalog.backup(organization, &id).await {
            Ok(root) => *begun = root.started_at.unwrap_or(root.created_at),
            Err(failure) if failure.kind == FailureKind::NotFound => {}
            Err(failure) => return Err(failure),
        }
    }
    Ok(history)
}

/// The instant whose state a backup holds: as its method says, or else when it was begun.
pub(crate) fn instant(report: Option<&Report>, begun: Timestamp) -> Timestamp {
    report.and_then(|report| Timestamp::parse_rfc3339(report.point_in_time.as_deref()?)).unwrap_or(begun)
}

pub(crate) fn record(row: HistoryRow) -> Record {
    Record {
        id: row.id,
        method: row.method,
        parent: row.parent,
        report: row.report,
        good: row.suspect.is_none(),
        started_at: row.started_at.unwrap_or(row.created_at),
        finished_at: row.finished_at.unwrap_or(row.created_at),
        verified_at: row.verified_at,
        verified_level: row.verified_level,
    }
}
