//! Properties of the model that need more than a look: schedules against an independent cron, retention by rules.

mod random;
mod recovery;
mod retention;
mod schedule;
mod vixie;
