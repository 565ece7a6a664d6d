//! `bulkhead job ...`.

mod cancel;
mod show;

use clap::Subcommand;

use super::Session;
use crate::exit::Exit;

/// `bulkhead job`.
#[derive(Subcommand)]
pub enum JobCommand {
    /// Show one job
    Show(show::Show),
    /// Stop a job
    Cancel(cancel::Cancel),
}

impl JobCommand {
    /// Runs it.
    pub fn run(self, session: &Session) -> Result<(), Exit> {
        match self {
            Self::Show(show) => show.run(session),
            Self::Cancel(cancel) => cancel.run(session),
        }
    }
}
