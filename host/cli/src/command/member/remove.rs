use clap::Args;
use serde_json::json;

use crate::client::segment;
use crate::command::Session;
use crate::exit::Exit;
use crate::render::{print, print_json};

/// `bulkhead member remove`.
#[derive(Args)]
pub struct Remove {
    /// The caller's name
    #[arg(value_name = "SUBJECT")]
    subject: String,
}

impl Remove {
    pub(super) fn run(self, session: &Session) -> Result<(), Exit> {
        session.client.delete(&format!("/members/{}", segment(&self.subject)))?;
        if session.json {
            print_json(&json!({ "subject": self.subject, "removed": true }));
        } else {
            print(&format!("{} is no member any more", self.subject));
        }
        Ok(())
    }
}
