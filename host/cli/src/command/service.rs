//! `bulkhead service ...`.

mod list;
mod recovery_window;
mod show;

use clap::Subcommand;

use super::Session;
use crate::exit::Exit;

/// `bulkhead service`.
#[derive(Subcommand)]
pub enum ServiceCommand {
    /// List the services that the host can reach
    List,
    /// Show one, and whether it is open
    Show(show::Show),
    /// Show the moments that a service can be restored to, and the gaps between them
    RecoveryWindow(recovery_window::Window),
}

impl ServiceCommand {
    /// Runs it.
    pub fn run(self, session: &Session) -> Result<(), Exit> {
        match self {
            Self::List => list::run(session),
            Self::Show(show) => show.run(session),
            Self::RecoveryWindow(window) => window.run(session),
        }
    }
}
