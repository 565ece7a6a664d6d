//! When something runs: crontab(5) expressions in a time zone, what happens to missed runs, jitter, names.
//!
//! Everything here is a function of its arguments: no clock, no I/O. `docs/adr/0007-schedules-mean-crontab.md` says
//! what the expressions mean and why.

mod expression;
mod field;
mod jitter;
mod misfire;
mod name;
mod next;
mod zone;

pub use expression::Expression;
pub use jitter::jitter_delay;
pub use misfire::Misfire;
pub use name::{BackupName, NameTemplate};
pub use zone::Zone;
