//! `bulkhead token ...`.

mod create;

use clap::Subcommand;

use crate::exit::Exit;

/// `bulkhead token`.
#[derive(Subcommand)]
pub enum TokenCommand {
    /// Make a token and print it, alone
    Create(create::Create),
}

impl TokenCommand {
    /// Runs it.
    pub fn run(self, json: bool) -> Result<(), Exit> {
        match self {
            Self::Create(create) => create.run(json),
        }
    }
}
