//! `bulkhead api-key ...`: keys for programs.

mod create;
mod list;
mod revoke;

use clap::Subcommand;

use super::Session;
use crate::exit::Exit;

/// `bulkhead api-key`.
#[derive(Subcommand)]
pub enum ApiKeyCommand {
    /// Make a key; it is shown once
    Create(create::Create),
    /// List keys, newest first
    List,
    /// Make a key worthless
    Revoke(revoke::Revoke),
}

impl ApiKeyCommand {
    /// Runs it.
    pub fn run(self, session: &Session) -> Result<(), Exit> {
        match self {
            Self::Create(create) => create.run(session),
            Self::List => list::run(session),
            Self::Revoke(revoke) => revoke.run(session),
        }
    }
}
