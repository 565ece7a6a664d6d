use clap::Args;
use serde_json::json;

use super::reference;
use crate::client::segment;
use crate::command::Session;
use crate::exit::Exit;
use crate::follow::Follow;
use crate::render::{print, print_json, text};

/// `bulkhead backup copy`.
#[derive(Args)]
pub struct Copy {
    /// Id, unique beginning of it, or name
    #[arg(value_name = "ID")]
    id: String,
    /// The target that it is to lie in as well
    #[arg(long, value_name = "TARGET")]
    to: String,
}

impl Copy {
    pub(super) fn run(self, session: &Session) -> Result<(), Exit> {
        let path = format!("/backups/{}/copy", segment(reference(&self.id)));
        let job = session.client.post(&path, Some(&json!({ "target": self.to })))?;
        let backup = text(&job, "backup_id");
        Follow { client: &session.client, job: text(&job, "id"), bound: None, quiet: session.json }.until_end()?;
        if session.json {
            print_json(&session.client.get(&format!("/backups/{}", segment(backup)))?);
        } else {
            print(&format!("Backup {backup} lies in {} as well", self.to));
        }
        Ok(())
    }
}
