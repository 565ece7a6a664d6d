use bulkhead_model::NoticeEvent;
use clap::Args;
use serde_json::{Map, Value};

use crate::client::segment;
use crate::command::Session;
use crate::exit::{Exit, ExitKind};
use crate::render::{fields, print, print_json, text};

/// `bulkhead webhook update`.
#[derive(Args)]
pub struct Update {
    /// The webhook's id
    #[arg(value_name = "ID")]
    id: String,
    /// The address that is called
    #[arg(long, value_name = "URL")]
    address: Option<String>,
    /// What it is told of, e.g. backup.failed,backup.missed
    #[arg(long, value_name = "EVENT,...", value_delimiter = ',')]
    events: Vec<NoticeEvent>,
    /// Whether it is called
    #[arg(long, value_name = "true|false")]
    enabled: Option<bool>,
    /// Make a new secret, which is printed once
    #[arg(long)]
    rotate_secret: bool,
}

impl Update {
    pub(super) fn run(self, session: &Session) -> Result<(), Exit> {
        let mut body = Map::new();
        if let Some(url) = self.address {
            body.insert("url".to_owned(), url.into());
        }
        if !self.events.is_empty() {
            body.insert("events".to_owned(), self.events.iter().map(|event| event.as_str()).collect());
        }
        if let Some(enabled) = self.enabled {
            body.insert("enabled".to_owned(), enabled.into());
        }
        if self.rotate_secret {
            body.insert("rotate_secret".to_owned(), true.into());
        }
        if body.is_empty() {
            return Err(Exit::new(ExitKind::Usage, "nothing to change").with_hint("say what, e.g. --enabled false"));
        }
        let webhook = session.client.patch(&format!("/webhooks/{}", segment(&self.id)), &Value::Object(body))?;
        if session.json {
            print_json(&webhook);
        } else {
            let plain = |field: &str| text(&webhook, field).to_owned();
            print(&fields(&[("ID", plain("id")), ("URL", plain("url")), ("Secret", plain("secret"))]));
        }
        Ok(())
    }
}
