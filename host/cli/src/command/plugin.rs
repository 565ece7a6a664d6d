//! `bulkhead plugin ...`.

mod list;

use clap::Subcommand;

use super::Session;
use crate::exit::Exit;

/// `bulkhead plugin`.
#[derive(Subcommand)]
pub enum PluginCommand {
    /// List the plugins that the host has loaded
    List,
}

impl PluginCommand {
    /// Runs it.
    pub fn run(self, session: &Session) -> Result<(), Exit> {
        match self {
            Self::List => list::run(session),
        }
    }
}
