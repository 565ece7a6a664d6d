use bulkhead_engine::TargetConfig;
use bulkhead_model::TargetId;
use serde::Serialize;
use utoipa::ToSchema;

/// A place where backups are kept. Says nothing of its configuration: that may hold what readers need not know.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Target)]
pub struct TargetDto {
    id: String,
    /// The storage plugin's name.
    plugin: String,
    /// Whether the organization's backups go there when they name no target.
    default: bool,
    kind: TargetKind,
}

/// Whose storage it is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum TargetKind {
    /// That of whoever runs the host; other organizations keep backups there as well.
    Managed,
    /// The organization's own.
    Own,
}

/// A part of a listing.
#[derive(Debug, Serialize, ToSchema)]
pub struct TargetPage {
    /// By id.
    pub targets: Vec<TargetDto>,
    /// Of all pages together.
    pub targets_count: u64,
    /// Zero when there is no target.
    pub pages_count: u64,
}

impl TargetDto {
    /// From a target's configuration and the organization's default target.
    pub fn new(target: &TargetConfig, default: Option<&TargetId>) -> Self {
        Self {
            id: target.id.to_string(),
            plugin: target.plugin.clone(),
            default: default == Some(&target.id),
            kind: if target.organization.is_some() { TargetKind::Own } else { TargetKind::Managed },
        }
    }
}
