use bulkhead_model::{Clock, SystemClock, Timestamp};
use clap::Args;
use serde_json::Value;

use super::reference;
use crate::client::segment;
use crate::command::Session;
use crate::exit::Exit;
use crate::render::{ago, fields, list, number, print, print_json, size, status, text, time};

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
            print(&described(&backup, SystemClock.now()));
        }
        Ok(())
    }
}

fn described(backup: &Value, now: Timestamp) -> String {
    let plain = |field: &str| text(backup, field).to_owned();
    let moment = |field: &str| time(text(backup, field)).to_owned();
    let failure =
        |field: &str| backup.get(field).map(|failure| text(failure, "message").to_owned()).unwrap_or_default();
    let bytes = |field: &str| Some(number(backup, field)).filter(|bytes| *bytes > 0).map(size).unwrap_or_default();
    let verified = match text(backup, "verified_at") {
        "" => String::new(),
        at => format!("{} ({}, {})", time(at), text(backup, "verified_level"), ago(at, now)),
    };
    let drilled = match text(backup, "drilled_at") {
        "" => String::new(),
        at => format!("{} ({})", time(at), ago(at, now)),
    };
    let suspect = match (failure("suspect"), text(backup, "suspect_level")) {
        (message, "") => message,
        (message, level) => format!("{message} (found by a verification of level {level})"),
    };
    let copies: Vec<String> = list(&backup["copies"])
        .iter()
        .map(|copy| match copy["failure"]["message"].as_str() {
            Some(failure) => format!("{} ({}: {failure})", text(copy, "target"), status(text(copy, "status"))),
            None => format!("{} ({})", text(copy, "target"), status(text(copy, "status"))),
        })
        .collect();
    let copies = copies.join(", ");
    let mut pairs = vec![
        ("ID", plain("id")),
        ("Name", plain("name")),
        ("Service", plain("service_id")),
        ("Type", plain("type")),
        ("Status", status(text(backup, "status"))),
        ("Failure", failure("failure")),
        ("Suspect", suspect),
        ("Target", plain("method")),
        ("Copies", copies),
        ("Stored", bytes("stored_size")),
        ("Plain", bytes("plain_size")),
        ("Created", moment("created_at")),
        ("Started", moment("start_time")),
        ("Ended", moment("end_time")),
        ("Holds state of", plain("point_in_time")),
        ("Verified", verified),
        ("Drilled", drilled),
        ("On top of", plain("parent_id")),
        ("Chain begins", plain("reference_full_backup")),
        ("Server", plain("server_version")),
        ("Plugin", plain("plugin")),
        ("Job", plain("job_id")),
    ];
    pairs.extend(list(&backup["evidence"]).iter().filter_map(Value::as_str).map(|line| ("Evidence", line.to_owned())));
    if let Some(positions) = backup.get("positions").and_then(Value::as_object) {
        pairs.extend(
            positions.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap_or_default().to_owned())),
        );
    }
    fields(&pairs)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_proves_a_backup_is_shown_with_its_age() {
        let now = Timestamp::parse_rfc3339("2024-03-27T12:00:00Z").unwrap();
        let backup = json!({
            "id": "c3:db1:x", "status": "Succeeded", "parent_id": "b2:db1:x", "reference_full_backup": "a1:db1:x",
            "verified_at": "2024-03-27T09:00:00Z", "verified_level": "drill", "drilled_at": "2024-03-27T09:00:00Z",
            "suspect": {"message": "shop.orders has another checksum"}, "suspect_level": "drill",
            "evidence": ["12 tables were checked", "shop.orders differs"], "positions": {"gtid": "0-1-7"},
        });
        assert_eq!(
            described(&backup, now),
            "ID:           c3:db1:x\n\
             Status:       completed\n\
             Suspect:      shop.orders has another checksum (found by a verification of level drill)\n\
             Verified:     2024-03-27T09:00:00 (drill, 3 h ago)\n\
             Drilled:      2024-03-27T09:00:00 (3 h ago)\n\
             On top of:    b2:db1:x\n\
             Chain begins: a1:db1:x\n\
             Evidence:     12 tables were checked\n\
             Evidence:     shop.orders differs\n\
             gtid:         0-1-7"
        );
    }
}
