//! `bulkhead job ...`.

mod cancel;
mod list;
mod logs;
mod show;

use clap::Subcommand;

use super::Session;
use crate::exit::Exit;

/// `bulkhead job`.
#[derive(Subcommand)]
pub enum JobCommand {
    /// List jobs, newest first
    List(list::List),
    /// Show one job
    Show(show::Show),
    /// Print what a job logged
    Logs(logs::Logs),
    /// Stop a job
    Cancel(cancel::Cancel),
}

impl JobCommand {
    /// Runs it.
    pub fn run(self, session: &Session) -> Result<(), Exit> {
        match self {
            Self::List(list) => list.run(session),
            Self::Show(show) => show.run(session),
            Self::Logs(logs) => logs.run(session),
            Self::Cancel(cancel) => cancel.run(session),
        }
    }
}
