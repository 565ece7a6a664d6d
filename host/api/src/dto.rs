//! What the API answers, in SkySQL's words and ours beside them. Additions never change a documented field.

mod api_key;
mod audit;
mod backup;
mod inspection;
mod job;
mod member;
mod method;
mod organization;
mod plugin;
mod recovery_window;
mod restore;
mod restore_preview;
mod retention;
mod schedule;
mod service;
mod target;
mod webhook;
mod words;

pub use api_key::{ApiKeyDto, ApiKeyPage, MadeApiKey};
pub use audit::{AuditDto, AuditPage};
pub use backup::{BackupDto, BackupPage};
pub use inspection::InspectionDto;
pub use job::{FailureDto, JobDto, JobPage};
pub use member::{MemberDto, MemberPage};
pub use method::{MethodDto, MethodPage};
pub use organization::{OrganizationDto, OrganizationPage};
pub use plugin::PluginDto;
pub use recovery_window::RecoveryWindow;
pub use restore::RestoreDto;
pub use restore_preview::RestorePreviewDto;
pub use retention::{RetentionPlanDto, RetentionSchema};
pub use schedule::ScheduleDto;
pub use service::ServiceDto;
pub use target::{TargetDto, TargetPage, TargetProbeDto};
pub use webhook::{DeliveryDto, DeliveryPage, EventWord, WebhookDto, WebhookPage};
pub use words::{BackupStatus, Kind, RoleWord, Status, state_word};
