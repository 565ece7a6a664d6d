//! `bulkhead webhook ...`: be told of what happens.

mod create;
mod delete;
mod list;
mod test;
mod update;

use clap::Subcommand;

use super::Session;
use crate::exit::Exit;

/// `bulkhead webhook`.
#[derive(Subcommand)]
pub enum WebhookCommand {
    /// Have an address called; prints the secret that signs the calls, once
    Create(create::Create),
    /// List webhooks
    List,
    /// Change a webhook, or give it a new secret
    Update(update::Update),
    /// Send a test call
    Test(test::Test),
    /// Delete a webhook
    Delete(delete::Delete),
}

impl WebhookCommand {
    /// Runs it.
    pub fn run(self, session: &Session) -> Result<(), Exit> {
        match self {
            Self::Create(create) => create.run(session),
            Self::List => list::run(session),
            Self::Update(update) => update.run(session),
            Self::Test(test) => test.run(session),
            Self::Delete(delete) => delete.run(session),
        }
    }
}
