use clap::Args;
use serde_json::json;

use crate::command::Session;
use crate::exit::Exit;
use crate::render::{print, print_json};

/// `bulkhead schedule delete`.
#[derive(Args)]
pub struct Delete {
    /// The schedule's number
    #[arg(value_name = "ID")]
    id: u64,
}

impl Delete {
    pub(super) fn run(self, session: &Session) -> Result<(), Exit> {
        session.client.delete(&format!("/backups/schedules/{}", self.id))?;
        if session.json {
            print_json(&json!({ "id": self.id, "deleted": true }));
        } else {
            print(&format!("Schedule {} deleted; its backups stay", self.id));
        }
        Ok(())
    }
}
