//! `bulkhead target ...`: where backups are kept.

mod create;
mod delete;
mod list;
mod option;
mod show;
mod test;
mod update;

use clap::Subcommand;

use super::Session;
use crate::exit::Exit;

/// `bulkhead target`.
#[derive(Subcommand)]
pub enum TargetCommand {
    /// Keep backups in a bucket of your own
    Create(create::Create),
    /// List targets
    List,
    /// Show one target
    Show(show::Show),
    /// Change a target, or give it new credentials
    Update(update::Update),
    /// Try it out: write, read, list and delete a small object
    Test(test::Test),
    /// Delete a target that no backup and no schedule uses
    Delete(delete::Delete),
}

impl TargetCommand {
    /// Runs it.
    pub fn run(self, session: &Session) -> Result<(), Exit> {
        match self {
            Self::Create(create) => create.run(session),
            Self::List => list::run(session),
            Self::Show(show) => show.run(session),
            Self::Update(update) => update.run(session),
            Self::Test(test) => test.run(session),
            Self::Delete(delete) => delete.run(session),
        }
    }
}
