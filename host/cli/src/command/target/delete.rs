use clap::Args;
use serde_json::json;

use crate::client::segment;
use crate::command::Session;
use crate::exit::Exit;
use crate::render::{print, print_json};

/// `bulkhead target delete`.
#[derive(Args)]
pub struct Delete {
    /// The target's id
    #[arg(value_name = "ID")]
    id: String,
}

impl Delete {
    pub(super) fn run(self, session: &Session) -> Result<(), Exit> {
        session.client.delete(&format!("/targets/{}", segment(&self.id)))?;
        if session.json {
            print_json(&json!({ "id": self.id, "deleted": true }));
        } else {
            print(&format!("Target {} deleted; what lies in the bucket stays there", self.id));
        }
        Ok(())
    }
}
