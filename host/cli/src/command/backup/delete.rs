use clap::Args;

use super::reference;
use crate::client::segment;
use crate::command::Session;
use crate::exit::Exit;
use crate::follow::{Follow, USUAL_BOUND};
use crate::render::{print, print_json, text};

/// `bulkhead backup delete`.
#[derive(Args)]
pub struct Delete {
    /// Id, unique beginning of it, or name
    #[arg(value_name = "ID")]
    id: String,
    /// Delete the backups that are restored on top of it, too
    #[arg(long)]
    with_dependants: bool,
}

impl Delete {
    pub(super) fn run(self, session: &Session) -> Result<(), Exit> {
        let mut path = format!("/backups/{}", segment(reference(&self.id)));
        if self.with_dependants {
            path.push_str("?with_dependants=true");
        }
        let job = session.client.delete(&path)?;
        // Deleting is quick and silent; only its end is worth a line.
        let follow = Follow { client: &session.client, job: text(&job, "id"), bound: Some(USUAL_BOUND), quiet: true };
        let ended = follow.until_end()?;
        if session.json {
            print_json(&ended);
        } else {
            print(&format!("Backup {} deleted", text(&job, "backup_id")));
        }
        Ok(())
    }
}
