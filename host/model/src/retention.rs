//! Which backups may go. Pure: the plan can be shown and tested without touching anything.

mod clock;
mod logs;
mod plan;
mod policy;
mod reason;

pub use clock::{SETTLED, hold_all, hold_most, is_shown};
pub use logs::{LogKeepers, plan_logs};
pub use plan::{Candidate, Verdict, plan};
pub use policy::RetentionPolicy;
pub use reason::{Reason, Removal};
