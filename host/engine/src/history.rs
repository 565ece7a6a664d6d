//! What a service can be restored with, as the catalog has it, put into the words in which it is planned.

use std::collections::BTreeMap;

use bulkhead_catalog::HistoryRow;
use bulkhead_model::gtid::GtidState;
use bulkhead_model::recovery::{BasePoint, History, LogSpan};
use bulkhead_model::{BackupId, OrganizationId, Report, Result, ServiceId, Timestamp};

use crate::engine::Inner;

/// The history of a service.
pub(crate) async fn of(engine: &Inner, organization: &OrganizationId, service: &ServiceId) -> Result<History> {
    let rows = engine.catalog.history(organization, service).await?;
    let by_id: BTreeMap<&BackupId, &HistoryRow> = rows.backups.iter().map(|row| (&row.id, row)).collect();
    let mut history = History { restores: rows.restores.clone(), ..History::default() };
    for (sequence, row) in rows.backups.iter().enumerate() {
        match log_span(row, sequence as u64) {
            Some(span) => history.logs.push(span),
            None => history.bases.push(base_point(row, &by_id)),
        }
    }
    Ok(history)
}

/// The instant whose state a backup holds: as its method says, or else when it was begun.
pub(crate) fn instant(report: Option<&Report>, begun: Timestamp) -> Timestamp {
    report.and_then(|report| Timestamp::parse_rfc3339(report.point_in_time.as_deref()?)).unwrap_or(begun)
}

fn log_span(row: &HistoryRow, sequence: u64) -> Option<LogSpan> {
    let report = row.report.as_ref()?;
    let timeline = report.position("timeline")?;
    let text = |name: &str| report.position(name).map(str::to_owned);
    let time = |name: &str| report.position(name).and_then(Timestamp::parse_rfc3339);
    Some(LogSpan {
        backup: row.id.clone(),
        timeline: timeline.to_owned(),
        cause: text("timeline.cause"),
        reason: text("timeline.reason"),
        server_uid: text("server.uid"),
        start: report.position("gtid.start")?.parse().ok()?,
        end: report.position("gtid.end")?.parse().ok()?,
        first: time("time.first"),
        last: time("time.last"),
        complete_until: Timestamp::parse_rfc3339(report.point_in_time.as_deref()?)?,
        good: row.suspect.is_none(),
        sequence,
    })
}

fn base_point(row: &HistoryRow, rows: &BTreeMap<&BackupId, &HistoryRow>) -> BasePoint {
    let mut chain = vec![row.id.clone()];
    let (mut link, mut good) = (row, row.suspect.is_none());
    while let Some(parent) = &link.parent {
        match rows.get(parent) {
            Some(found) if !chain.contains(parent) => {
                good &= found.suspect.is_none();
                link = found;
                chain.push(parent.clone());
            }
            // Deleted, or on its way out.
            _ => {
                good = false;
                break;
            }
        }
    }
    chain.reverse();
    let position = |name: &str| row.report.as_ref().and_then(|report| report.position(name));
    BasePoint {
        backup: row.id.clone(),
        method: row.method.clone(),
        chain,
        at: instant(row.report.as_ref(), row.started_at.unwrap_or(row.created_at)),
        gtid: position("gtid").and_then(|gtid| gtid.parse::<GtidState>().ok()),
        server_uid: position("server.uid").map(str::to_owned),
        good,
        verified_at: row.verified_at,
        verified_level: row.verified_level.clone(),
    }
}
