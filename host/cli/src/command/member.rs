//! `bulkhead member ...`: who may do what, for callers whose tokens name no roles.

mod list;
mod remove;
mod set;

use clap::Subcommand;

use super::Session;
use crate::exit::Exit;

/// `bulkhead member`.
#[derive(Subcommand)]
pub enum MemberCommand {
    /// List the members of the organization
    List,
    /// Add a member or change what it may do
    Set(set::Set),
    /// Take a member's rights away
    Remove(remove::Remove),
}

impl MemberCommand {
    /// Runs it.
    pub fn run(self, session: &Session) -> Result<(), Exit> {
        match self {
            Self::List => list::run(session),
            Self::Set(set) => set.run(session),
            Self::Remove(remove) => remove.run(session),
        }
    }
}
