use clap::Args;
use serde_json::json;

use super::reference;
use crate::client::segment;
use crate::command::Session;
use crate::exit::Exit;
use crate::render::{print, print_json, text};

/// `bulkhead backup pin`.
#[derive(Args)]
pub struct Pin {
    /// Id, unique beginning of it, or name
    #[arg(value_name = "ID")]
    id: String,
    /// Let it go again
    #[arg(long)]
    off: bool,
}

impl Pin {
    pub(super) fn run(self, session: &Session) -> Result<(), Exit> {
        let path = format!("/backups/{}", segment(reference(&self.id)));
        let backup = session.client.patch(&path, &json!({ "pinned": !self.off }))?;
        if session.json {
            print_json(&backup);
        } else if self.off {
            print(&format!("Backup {} may be deleted again", text(&backup, "id")));
        } else {
            print(&format!("Backup {} is pinned: nothing deletes it", text(&backup, "id")));
        }
        Ok(())
    }
}
