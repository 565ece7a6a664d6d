//! What the API answers, in SkySQL's words and ours beside them. Additions never change a documented field.

mod backup;
mod job;
mod plugin;
mod restore;
mod schedule;
mod service;

pub use backup::{BackupDto, BackupPage};
pub use job::{FailureDto, JobDto};
pub use plugin::PluginDto;
pub use restore::RestoreDto;
pub use schedule::ScheduleDto;
pub use service::ServiceDto;
