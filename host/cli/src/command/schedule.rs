//! `bulkhead schedule ...`: when backups are made by themselves.

mod change;
mod create;
mod delete;
mod list;
mod plan;
mod show;
mod update;

use clap::Subcommand;

use super::Session;
use crate::exit::Exit;

/// `bulkhead schedule`.
#[derive(Subcommand)]
pub enum ScheduleCommand {
    /// Make backups by a crontab(5) expression from now on
    Create(create::Create),
    /// List schedules, newest first
    List(list::List),
    /// Show one schedule
    Show(show::Show),
    /// Change a schedule
    Update(update::Update),
    /// Show which backups of a schedule stay and which go, and why
    Plan(plan::Plan),
    /// Delete a schedule; its backups stay
    Delete(delete::Delete),
}

impl ScheduleCommand {
    /// Runs it.
    pub fn run(self, session: &Session) -> Result<(), Exit> {
        match self {
            Self::Create(create) => create.run(session),
            Self::List(list) => list.run(session),
            Self::Show(show) => show.run(session),
            Self::Update(update) => update.run(session),
            Self::Plan(plan) => plan.run(session),
            Self::Delete(delete) => delete.run(session),
        }
    }
}
