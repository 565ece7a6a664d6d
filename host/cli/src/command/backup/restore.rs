use clap::Args;
use serde_json::json;

use super::reference;
use crate::client::segment;
use crate::command::Session;
use crate::exit::Exit;
use crate::follow::{Follow, USUAL_BOUND};
use crate::render::{number, print, print_json, text};

/// `bulkhead backup restore`.
#[derive(Args)]
pub struct Restore {
    /// Id, unique beginning of it, or name
    #[arg(value_name = "ID")]
    id: String,
    /// Wait for as long as it takes, instead of 5 minutes
    #[arg(long)]
    wait: bool,
}

impl Restore {
    pub(super) fn run(self, session: &Session) -> Result<(), Exit> {
        let backup = session.client.get(&format!("/backups/{}", segment(reference(&self.id))))?;
        // Into the service it was taken from, unless another one is named.
        let service = session.service.clone().unwrap_or_else(|| text(&backup, "service_id").to_owned());
        let body = json!({ "service_id": service, "key": text(&backup, "id") });
        let restore = session.client.post("/restores", Some(&body))?;
        let id = number(&restore, "id");
        if !session.json {
            print(&format!("Restore ID: {id}"));
            print(&format!("Replacing the data of {service} by backup {}", text(&backup, "id")));
        }
        let bound = (!self.wait).then_some(USUAL_BOUND);
        Follow { client: &session.client, job: text(&restore, "job_id"), bound, quiet: session.json }.until_end()?;
        let restore = session.client.get(&format!("/restores/{id}"))?;
        if session.json {
            print_json(&restore);
        } else {
            print(text(&restore, "message"));
        }
        Ok(())
    }
}
