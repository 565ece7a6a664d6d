//! `bulkhead service ...`.

mod list;
mod recovery_window;

use clap::Subcommand;

use super::Session;
use crate::exit::Exit;

/// `bulkhead service`.
#[derive(Subcommand)]
pub enum ServiceCommand {
    /// List the services that the host can reach
    List,
    /// Show the moments that a service can be restored to, and the gaps between them
    RecoveryWindow(recovery_window::Window),
}

impl ServiceCommand {
    /// Runs it.
    pub fn run(self, session: &Session) -> Result<(), Exit> {
        match self {
            Self::List => list::run(session),
            Self::RecoveryWindow(window) => window.run(session),
        }
    }
}
