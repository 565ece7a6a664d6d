use clap::Args;
use serde_json::{Map, Value, json};

use crate::command::Session;
use crate::exit::Exit;
use crate::follow::Follow;
use crate::render::{fields, print, print_json, text};

/// `bulkhead backup create`.
#[derive(Args)]
pub struct Create {
    /// A name to find it by
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// What kind of backup: full, incremental, binarylog, dump, export, ...; what its engine restores from alone, when left out
    #[arg(long = "type", value_name = "TYPE")]
    method: Option<String>,
    /// Where to keep it, instead of the default target
    #[arg(long, value_name = "ID")]
    target: Option<String>,
    /// Another target that it goes to in the same stream; may be given several times
    #[arg(long = "copy-to", value_name = "ID")]
    copies: Vec<String>,
    /// Once it is made, keep this many good backups of its type and delete older ones
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    retention: Option<u32>,
    /// Wait until it is made
    #[arg(long)]
    wait: bool,
}

impl Create {
    pub(super) fn run(self, session: &Session) -> Result<(), Exit> {
        let service = session.service_or_only()?;
        let mut body = Map::new();
        let method = self.method.map_or_else(|| session.usual_method(&service), Ok)?;
        body.insert("backup_type".to_owned(), method.into());
        body.insert("schedule".to_owned(), "once".into());
        body.insert("service_id".to_owned(), service.into());
        for (field, value) in [("name", self.name), ("target", self.target)] {
            if let Some(value) = value {
                body.insert(field.to_owned(), value.into());
            }
        }
        if !self.copies.is_empty() {
            body.insert("copies".to_owned(), self.copies.into());
        }
        if let Some(count) = self.retention {
            body.insert("retention".to_owned(), count.into());
        }
        let schedule = session.client.post("/backups/schedules", Some(&Value::Object(body)))?;
        let (backup, job) = (text(&schedule, "backup_id"), text(&schedule, "job_id"));
        if !session.json {
            print(&fields(&[("Backup ID", backup.to_owned()), ("Status", "pending".to_owned())]));
        }
        if self.wait {
            Follow { client: &session.client, job, bound: None, quiet: session.json }.until_end()?;
        }
        if session.json {
            print_json(&json!({
                "id": backup, "job_id": job, "schedule_id": schedule.get("id"),
                "status": if self.wait { "completed" } else { "pending" },
            }));
        }
        Ok(())
    }
}
