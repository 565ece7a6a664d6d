//! What the API answers, in SkySQL's words and ours beside them. Additions never change a documented field.

mod backup;
mod job;
mod plugin;
mod restore;
mod schedule;
mod service;
mod words;

pub use backup::{BackupDto, BackupPage};
pub use job::{FailureDto, JobDto};
pub use plugin::PluginDto;
pub use restore::RestoreDto;
pub use schedule::ScheduleDto;
pub use service::ServiceDto;
pub use words::{BackupStatus, Kind, RoleWord, Status};
