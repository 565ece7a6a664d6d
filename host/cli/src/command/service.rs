//! `bulkhead service ...`.

mod list;

use clap::Subcommand;

use super::Session;
use crate::exit::Exit;

/// `bulkhead service`.
#[derive(Subcommand)]
pub enum ServiceCommand {
    /// List the services that the host can reach
    List,
}

impl ServiceCommand {
    /// Runs it.
    pub fn run(self, session: &Session) -> Result<(), Exit> {
        match self {
            Self::List => list::run(session),
        }
    }
}
