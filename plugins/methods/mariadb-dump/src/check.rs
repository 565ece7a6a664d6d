//! Asking a restored server whether it holds what the backup promised.

use bulkhead_plugin_sdk::method::{CheckRequest, Finding, Result, Series, Severity, database};

/// Compares what can be compared without the server that was backed up.
pub async fn run(request: &CheckRequest) -> Result<Vec<Finding>> {
    let rows = database::query(
        "SELECT VERSION() AS version, (SELECT COUNT(*) FROM information_schema.tables \
         WHERE table_schema NOT IN ('information_schema', 'performance_schema', 'mysql', 'sys')) AS tables",
    )
    .await?;
    let mut findings = Vec::new();
    let (promised, report) = (&request.link.report.server_version, &request.link.report);
    let version = rows.first("version").unwrap_or_default();
    if Series::of(version)? != Series::of(promised)? {
        findings.push(Finding::new(Severity::Warning, "version", format!("the server is {version}, was {promised}")));
    }
    let tables = rows.first("tables").unwrap_or_default();
    // Tables that came and went while the backup ran make the numbers differ by a few: worth a look, no proof.
    let severity = if report.position("tables").is_none_or(|before| before == tables) {
        Severity::Info
    } else {
        Severity::Warning
    };
    let before = report.position("tables").unwrap_or("an unknown number");
    findings.push(Finding::new(
        severity,
        "tables",
        format!("{tables} tables and views, {before} when the backup began"),
    ));
    Ok(findings)
}
