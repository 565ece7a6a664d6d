use clap::Args;
use serde_json::Value;

use super::reference;
use crate::client::segment;
use crate::command::Session;
use crate::exit::Exit;
use crate::render::{fields, number, print, print_json, size, status, text, time};

/// `bulkhead backup show`.
#[derive(Args)]
pub struct Show {
    /// Id, unique beginning of it, or name
    #[arg(value_name = "ID")]
    id: String,
}

impl Show {
    pub(super) fn run(self, session: &Session) -> Result<(), Exit> {
        let backup = session.client.get(&format!("/backups/{}", segment(reference(&self.id))))?;
        if session.json {
            print_json(&backup);
        } else {
            print(&described(&backup));
        }
        Ok(())
    }
}

fn described(backup: &Value) -> String {
    let plain = |field: &str| text(backup, field).to_owned();
    let moment = |field: &str| time(text(backup, field)).to_owned();
    let failure =
        |field: &str| backup.get(field).map(|failure| text(failure, "message").to_owned()).unwrap_or_default();
    let bytes = |field: &str| Some(number(backup, field)).filter(|bytes| *bytes > 0).map(size).unwrap_or_default();
    let verified = match text(backup, "verified_at") {
        "" => String::new(),
        at => format!("{} ({})", time(at), text(backup, "verified_level")),
    };
    let mut pairs = vec![
        ("ID", plain("id")),
        ("Name", plain("name")),
        ("Service", plain("service_id")),
        ("Type", plain("type")),
        ("Status", status(text(backup, "status"))),
        ("Failure", failure("failure")),
        ("Suspect", failure("suspect")),
        ("Target", plain("method")),
        ("Stored", bytes("stored_size")),
        ("Plain", bytes("plain_size")),
        ("Created", moment("created_at")),
        ("Started", moment("start_time")),
        ("Ended", moment("end_time")),
        ("Holds state of", plain("point_in_time")),
        ("Verified", verified),
        ("Based on", plain("reference_full_backup")),
        ("Server", plain("server_version")),
        ("Plugin", plain("plugin")),
        ("Job", plain("job_id")),
    ];
    if let Some(positions) = backup.get("positions").and_then(Value::as_object) {
        pairs.extend(
            positions.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap_or_default().to_owned())),
        );
    }
    fields(&pairs)
}
