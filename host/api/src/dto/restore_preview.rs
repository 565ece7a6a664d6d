use bulkhead_engine::RestorePreview;
use bulkhead_model::{BackupId, Method, ServiceId};
use serde::Serialize;
use utoipa::ToSchema;

/// What a restore would do.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RestorePreview)]
pub struct RestorePreviewDto {
    service_id: String,
    /// Why these backups and logs, in a sentence.
    plan: String,
    /// The instant that would be reached.
    #[schema(format = DateTime)]
    point_in_time: String,
    /// What is restored, in this order: each on top of the one before.
    backups: Vec<PreviewedBackup>,
    /// Backups of logs that are replayed then, in this order.
    logs: Vec<PreviewedBackup>,
    /// Bytes that have to be free on this host, about.
    disk_needed: u64,
    /// Bytes that are; null when this host cannot tell.
    disk_free: Option<u64>,
    /// What to expect of the service meanwhile, in a sentence.
    downtime: String,
    /// Whether all data of the service is replaced.
    in_place: bool,
    /// What to look at before.
    warnings: Vec<String>,
}

/// A backup that would be read.
#[derive(Debug, Serialize, ToSchema)]
struct PreviewedBackup {
    id: String,
    /// The method's name: `full`, `incremental`, ...
    #[serde(rename = "type")]
    kind: String,
    /// Bytes before compression.
    plain_size: u64,
    /// Bytes in the target.
    stored_size: u64,
}

impl RestorePreviewDto {
    /// Of a restore into this service.
    pub fn new(service: ServiceId, preview: RestorePreview) -> Self {
        let of = |ids: &[BackupId]| ids.iter().filter_map(|id| find(&preview.backups, id)).collect();
        Self {
            service_id: service.into(),
            backups: of(&preview.plan.chain),
            logs: of(&preview.plan.logs),
            point_in_time: preview.plan.at.to_string(),
            plan: preview.plan.why,
            disk_needed: preview.disk_needed,
            disk_free: preview.disk_free,
            downtime: preview.downtime,
            in_place: preview.in_place,
            warnings: preview.warnings,
        }
    }
}

fn find(backups: &[(BackupId, Method, u64, u64)], id: &BackupId) -> Option<PreviewedBackup> {
    let (id, method, plain_size, stored_size) = backups.iter().find(|(known, ..)| known == id)?;
    Some(PreviewedBackup {
        id: id.to_string(),
        kind: method.to_string(),
        plain_size: *plain_size,
        stored_size: *stored_size,
    })
}
