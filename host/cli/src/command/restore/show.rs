use clap::Args;
use serde_json::Value;

use crate::command::Session;
use crate::exit::Exit;
use crate::render::{fields, list, number, print, print_json, status, text, time};

/// `bulkhead restore show`.
#[derive(Args)]
pub struct Show {
    /// The restore's number
    #[arg(value_name = "ID")]
    id: i64,
}

impl Show {
    pub(super) fn run(self, session: &Session) -> Result<(), Exit> {
        let restore = session.client.get(&format!("/restores/{}", self.id))?;
        if session.json {
            print_json(&restore);
            return Ok(());
        }
        let plain = |field: &str| text(&restore, field).to_owned();
        let plan = &restore["plan"];
        let ids = |field: &str| list(&plan[field]).iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ");
        let mut pairs = vec![
            ("ID", number(&restore, "id").to_string()),
            ("Status", status(text(&restore, "status"))),
            ("Message", plain("message")),
            ("Hint", restore.get("failure").map(|failure| text(failure, "hint").to_owned()).unwrap_or_default()),
            ("Service", plain("service_id")),
            ("Backup", plain("key")),
            ("Type", plain("type")),
            ("Target", plain("bucket")),
            ("Created", time(text(&restore, "created_at")).to_owned()),
            ("Started", time(text(&restore, "start_time")).to_owned()),
            ("Ended", time(text(&restore, "end_time")).to_owned()),
            ("Job", plain("job_id")),
            ("Moment", format!("{}{}", plain("point_in_time"), plain("gtid"))),
            ("Plan", text(plan, "why").to_owned()),
            ("Restores", ids("backups")),
            ("Replays", ids("logs")),
        ];
        // Where it has got to.
        if let Some(reached) = restore.get("reached").and_then(Value::as_object) {
            pairs.extend(
                reached.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap_or_default().to_owned())),
            );
        }
        print(&fields(&pairs));
        Ok(())
    }
}
