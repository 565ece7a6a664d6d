use bulkhead_model::{Clock, Role, SystemClock};
use clap::Args;
use serde_json::json;

use crate::command::Session;
use crate::config::units::parse_duration;
use crate::exit::Exit;
use crate::render::{print, print_json, text};

/// `bulkhead api-key create`.
#[derive(Args)]
pub struct Create {
    /// What it is for
    #[arg(value_name = "NAME")]
    name: String,
    /// viewer reads, operator also backs up, administrator also schedules, restores and deletes
    #[arg(long, value_name = "ROLE")]
    role: Role,
    /// Only for these services
    #[arg(long, value_name = "ID,...", value_delimiter = ',')]
    only: Vec<String>,
    /// How long it is good for, e.g. 90d; for ever by default
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    expires_in: Option<std::time::Duration>,
}

impl Create {
    pub(super) fn run(self, session: &Session) -> Result<(), Exit> {
        let only = Some(self.only).filter(|services| !services.is_empty());
        let expires_at = self.expires_in.map(|time| SystemClock.now().plus(time).to_seconds_string());
        let body =
            json!({ "name": self.name, "role": self.role.to_string(), "services": only, "expires_at": expires_at });
        let made = session.client.post("/api-keys", Some(&body))?;
        if session.json {
            print_json(&made);
        } else {
            // The key alone, for scripts; it cannot be shown again.
            print(text(&made, "key"));
        }
        Ok(())
    }
}
