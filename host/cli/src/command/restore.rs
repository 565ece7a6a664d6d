//! `bulkhead restore ...`.

mod list;
mod show;

use clap::Subcommand;

use super::Session;
use crate::exit::Exit;

/// `bulkhead restore`.
#[derive(Subcommand)]
pub enum RestoreCommand {
    /// List restores, newest first
    List,
    /// Show one restore
    Show(show::Show),
}

impl RestoreCommand {
    /// Runs it.
    pub fn run(self, session: &Session) -> Result<(), Exit> {
        match self {
            Self::List => list::run(session),
            Self::Show(show) => show.run(session),
        }
    }
}
