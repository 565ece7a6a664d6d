//! `bulkhead backup ...`: Sp00ky's commands, word for word.

mod configure;
mod copy;
mod create;
mod delete;
mod import;
mod list;
mod pin;
mod reset;
mod restore;
mod show;
mod verify;

use clap::Subcommand;

use super::Session;
use crate::exit::Exit;

/// `bulkhead backup`.
#[derive(Subcommand)]
pub enum BackupCommand {
    /// Make a backup; returns at once
    Create(create::Create),
    /// List backups, newest first
    List(list::List),
    /// Show one backup
    Show(show::Show),
    /// Replace the data of a service by those of a backup or of a moment, or bring back a part of them
    Restore(Box<restore::Restore>),
    /// Check a backup: its stored bytes, or what a server restored from it holds
    Verify(verify::Verify),
    /// Put a backup into another target as well
    Copy(copy::Copy),
    /// Register the backups of another installation that lie in a target
    Import(import::Import),
    /// Keep a backup from being deleted, by retention or by hand
    Pin(pin::Pin),
    /// Delete a backup
    Delete(delete::Delete),
    /// Say when backups are made by themselves and how many are kept; without an option, show it
    Configure(configure::Configure),
    /// Delete ALL data of a service and run its migrations again
    Reset(reset::Reset),
}

impl BackupCommand {
    /// Runs it.
    pub fn run(self, session: &Session) -> Result<(), Exit> {
        match self {
            Self::Create(create) => create.run(session),
            Self::List(list) => list.run(session),
            Self::Show(show) => show.run(session),
            Self::Restore(restore) => restore.run(session),
            Self::Verify(verify) => verify.run(session),
            Self::Copy(copy) => copy.run(session),
            Self::Import(import) => import.run(session),
            Self::Pin(pin) => pin.run(session),
            Self::Delete(delete) => delete.run(session),
            Self::Configure(configure) => configure.run(session),
            Self::Reset(reset) => reset.run(session),
        }
    }
}

/// What a person copies out of the list is understood: `e5f6a7b8-...` and `before-migration (a1b2c3d4)`.
fn reference(text: &str) -> &str {
    let text = text.trim();
    let is_short = |id: &str| id.len() == 8 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if let Some(id) = text.strip_suffix("-...").filter(|id| is_short(id)) {
        return id;
    }
    text.strip_suffix(')')
        .and_then(|text| text.rsplit_once(" ("))
        .map(|(_, id)| id)
        .filter(|id| is_short(id))
        .unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::reference;

    #[test]
    fn ids_can_be_copied_out_of_the_list() {
        assert_eq!(reference("e5f6a7b8-..."), "e5f6a7b8");
        assert_eq!(reference("before-migration (a1b2c3d4)"), "a1b2c3d4");
        assert_eq!(reference("before-migration"), "before-migration");
        assert_eq!(reference("eda3b72460c8c0d9d61a7f01b6a22e32:db1:x"), "eda3b72460c8c0d9d61a7f01b6a22e32:db1:x");
    }
}
