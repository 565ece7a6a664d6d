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
}

impl Delete {
    pub(super) fn run(self, session: &Session) -> Result<(), Exit> {
        let job = session.client.delete(&format!("/backups/{}", segment(reference(&self.id))))?;
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
