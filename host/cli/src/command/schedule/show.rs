use clap::Args;
use serde_json::Value;

use crate::command::Session;
use crate::exit::Exit;
use crate::render::{fields, flag, number, print, print_json, status, text, time};

/// `bulkhead schedule show`.
#[derive(Args)]
pub struct Show {
    /// The schedule's number
    #[arg(value_name = "ID")]
    id: u64,
}

impl Show {
    pub(super) fn run(self, session: &Session) -> Result<(), Exit> {
        let schedule = session.client.get(&format!("/backups/schedules/{}", self.id))?;
        if session.json {
            print_json(&schedule);
        } else {
            print(&described(&schedule));
        }
        Ok(())
    }
}

/// What people want to know of a schedule.
pub(super) fn described(schedule: &Value) -> String {
    let plain = |field: &str| text(schedule, field).to_owned();
    let when = |field: &str| time(text(schedule, field)).to_owned();
    let recurring = text(schedule, "schedule") != "once";
    let only_recurring = |value: String| if recurring { value } else { String::new() };
    let seconds = |field: &str| match number(schedule, field) {
        0 => String::new(),
        seconds => format!("{seconds} s"),
    };
    fields(&[
        ("ID", number(schedule, "id").to_string()),
        ("Service", plain("service_id")),
        ("Type", plain("type")),
        ("Schedule", plain("schedule")),
        ("Time zone", only_recurring(plain("timezone"))),
        ("Enabled", only_recurring(if flag(schedule, "enabled") { "yes" } else { "no" }.to_owned())),
        ("Status", status(text(schedule, "status"))),
        ("Message", plain("message")),
        ("Next run", when("next_fire_time")),
        ("Last run", when("last_fire_time")),
        ("Jitter", seconds("jitter_seconds")),
        ("Misfire", only_recurring(plain("misfire"))),
        ("Retention", retention(&schedule["retention"])),
        ("Name", plain("name")),
        ("Target", plain("target")),
        ("Bucket", text(&schedule["external_storage"]["bucket"], "path").to_owned()),
        ("Origin", only_recurring(plain("origin"))),
        ("Created", when("created_at")),
    ])
}

/// `keep_last 7, daily 14`.
fn retention(policy: &Value) -> String {
    match policy {
        Value::Number(count) => format!("keep_last {count}"),
        Value::Object(rules) => {
            let rules = rules.iter().filter(|(_, number)| number.as_u64().is_some_and(|number| number > 0));
            rules.map(|(rule, number)| format!("{rule} {number}")).collect::<Vec<_>>().join(", ")
        }
        _ => String::new(),
    }
}
