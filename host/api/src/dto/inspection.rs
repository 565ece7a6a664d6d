use bulkhead_engine::{Discrepancy, Inspection};
use serde::Serialize;
use utoipa::ToSchema;

/// A part of a comparison of a target with the catalog.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Inspection)]
pub struct InspectionDto {
    /// Backups that were looked at.
    seen: u64,
    /// Backups that were written down in the catalog.
    registered: u64,
    /// What is not as it should be.
    findings: Vec<DiscrepancyDto>,
    /// Send it as `after` for the next part; null at the end.
    next: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Discrepancy)]
struct DiscrepancyDto {
    /// `unknown`, `damaged`, `unfinished`, `orphaned`, `missing` or `undeleted`.
    kind: &'static str,
    backup_id: String,
    /// In a sentence.
    message: String,
}

impl From<Inspection> for InspectionDto {
    fn from(inspection: Inspection) -> Self {
        let finding = |Discrepancy { kind, backup, message }: Discrepancy| DiscrepancyDto {
            kind: kind.as_str(),
            backup_id: backup.into(),
            message,
        };
        Self {
            seen: inspection.seen,
            registered: inspection.registered,
            findings: inspection.findings.into_iter().map(finding).collect(),
            next: inspection.next,
        }
    }
}
