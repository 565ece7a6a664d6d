use bulkhead_model::NoticeEvent;
use clap::Args;
use serde_json::json;

use crate::command::Session;
use crate::exit::Exit;
use crate::render::{fields, print, print_json, text};

/// `bulkhead webhook create`.
#[derive(Args)]
pub struct Create {
    /// The address that is called
    #[arg(value_name = "ADDRESS")]
    address: String,
    /// What it is told of, e.g. backup.failed,backup.missed; everything by default
    #[arg(long, value_name = "EVENT,...", value_delimiter = ',')]
    events: Vec<NoticeEvent>,
}

impl Create {
    pub(super) fn run(self, session: &Session) -> Result<(), Exit> {
        let mut body = json!({ "url": self.address });
        if !self.events.is_empty() {
            body["events"] = self.events.iter().map(|event| event.as_str()).collect();
        }
        let webhook = session.client.post("/webhooks", Some(&body))?;
        if session.json {
            print_json(&webhook);
        } else {
            let plain = |field: &str| text(&webhook, field).to_owned();
            print(&fields(&[("ID", plain("id")), ("URL", plain("url")), ("Secret", plain("secret"))]));
        }
        Ok(())
    }
}
