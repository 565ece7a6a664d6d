use clap::Args;
use serde_json::json;

use crate::client::segment;
use crate::command::Session;
use crate::exit::Exit;
use crate::render::{print, print_json};

/// `bulkhead api-key revoke`.
#[derive(Args)]
pub struct Revoke {
    /// The key's id
    #[arg(value_name = "ID")]
    id: String,
}

impl Revoke {
    pub(super) fn run(self, session: &Session) -> Result<(), Exit> {
        session.client.delete(&format!("/api-keys/{}", segment(&self.id)))?;
        if session.json {
            print_json(&json!({ "id": self.id, "revoked": true }));
        } else {
            print(&format!("API key {} is revoked", self.id));
        }
        Ok(())
    }
}
