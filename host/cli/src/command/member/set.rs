use bulkhead_model::Role;
use clap::Args;
use serde_json::json;

use crate::client::segment;
use crate::command::Session;
use crate::exit::Exit;
use crate::render::{print, print_json, services};

/// `bulkhead member set`.
#[derive(Args)]
pub struct Set {
    /// The caller's name, as in the claim `sub` of its token
    #[arg(value_name = "SUBJECT")]
    subject: String,
    /// viewer reads, operator also backs up, administrator also schedules, restores and deletes
    #[arg(long, value_name = "ROLE")]
    role: Role,
    /// Only for these services
    #[arg(long, value_name = "ID,...", value_delimiter = ',')]
    only: Vec<String>,
}

impl Set {
    pub(super) fn run(self, session: &Session) -> Result<(), Exit> {
        let only = Some(self.only).filter(|services| !services.is_empty());
        let body = json!({ "role": self.role.to_string(), "services": only });
        let member = session.client.put(&format!("/members/{}", segment(&self.subject)), &body)?;
        if session.json {
            print_json(&member);
        } else {
            print(&format!("{} is now {} of {}", self.subject, self.role, services(&member)));
        }
        Ok(())
    }
}
