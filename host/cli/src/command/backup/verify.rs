use clap::Args;

use super::reference;
use crate::client::segment;
use crate::command::Session;
use crate::exit::{Exit, ExitKind};
use crate::follow::Follow;
use crate::render::{print, print_json, text};

/// `bulkhead backup verify`.
#[derive(Args)]
pub struct Verify {
    /// Id, unique beginning of it, or name
    #[arg(value_name = "ID")]
    id: String,
}

impl Verify {
    pub(super) fn run(self, session: &Session) -> Result<(), Exit> {
        let job = session.client.post(&format!("/backups/{}/verify", segment(reference(&self.id))), None)?;
        let backup = text(&job, "backup_id");
        Follow { client: &session.client, job: text(&job, "id"), bound: None, quiet: session.json }.until_end()?;
        let backup = session.client.get(&format!("/backups/{}", segment(backup)))?;
        if session.json {
            print_json(&backup);
        }
        if let Some(suspect) = backup.get("suspect").filter(|suspect| !suspect.is_null()) {
            let detail = format!("backup {} is damaged: {}", text(&backup, "id"), text(suspect, "message"));
            return Err(Exit::new(ExitKind::Failed, detail).with_hint("do not rely on it; make a new one"));
        }
        if !session.json {
            print(&format!("Backup {} is sound ({})", text(&backup, "id"), text(&backup, "verified_level")));
        }
        Ok(())
    }
}
