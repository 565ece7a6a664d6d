use clap::Args;
use serde_json::Value;

use crate::client::segment;
use crate::command::Session;
use crate::exit::Exit;
use crate::render::{fields, number, print, print_json, size, status, text, time};

/// `bulkhead job show`.
#[derive(Args)]
pub struct Show {
    /// The job's id
    #[arg(value_name = "ID")]
    id: String,
}

impl Show {
    pub(super) fn run(self, session: &Session) -> Result<(), Exit> {
        let job = session.client.get(&format!("/jobs/{}", segment(&self.id)))?;
        if session.json {
            print_json(&job);
        } else {
            print(&described(&job));
        }
        Ok(())
    }
}

/// What people want to know of a job.
pub(super) fn described(job: &Value) -> String {
    let plain = |field: &str| text(job, field).to_owned();
    let bytes = |field: &str| Some(number(job, field)).filter(|bytes| *bytes > 0).map(size).unwrap_or_default();
    fields(&[
        ("ID", plain("id")),
        ("Kind", plain("kind")),
        ("Service", plain("service_id")),
        ("Status", status(text(job, "status"))),
        ("Phase", plain("phase")),
        ("Message", plain("message")),
        ("Hint", job.get("failure").map(|failure| text(failure, "hint").to_owned()).unwrap_or_default()),
        ("Plain", bytes("plain_bytes")),
        ("Stored", bytes("stored_bytes")),
        ("Expected", bytes("expected_bytes")),
        ("Attempts", format!("{} of {}", number(job, "attempts_made"), number(job, "attempts_max"))),
        ("Backup", plain("backup_id")),
        ("Created", time(text(job, "created_at")).to_owned()),
        ("Started", time(text(job, "start_time")).to_owned()),
        ("Ended", time(text(job, "end_time")).to_owned()),
    ])
}
