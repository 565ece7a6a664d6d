use clap::Args;
use serde_json::{Map, Value};

use crate::client::{Client, segment};
use crate::command::Session;
use crate::exit::{Exit, ExitKind};
use crate::render::{fields, flag, list, number, print, print_json, text, time};

/// What Bulkhead does by itself where nobody has said anything: every night, a week of them kept.
const NIGHTLY: &str = "0 2 * * *";
const KEPT: u32 = 7;

/// `bulkhead backup configure`.
#[derive(Args)]
pub struct Configure {
    /// Whether backups are made by themselves
    #[arg(long, value_name = "true|false", action = clap::ArgAction::Set)]
    enabled: Option<bool>,
    /// When: crontab(5), e.g. "0 2 * * *"
    #[arg(long, value_name = "CRON", allow_hyphen_values = true)]
    schedule: Option<String>,
    /// How many backups are kept before the oldest are deleted
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = count)]
    retention: Option<u32>,
}

impl Configure {
    pub(super) fn run(self, session: &Session) -> Result<(), Exit> {
        let service = session.service_or_only()?;
        let change = self.fields();
        let schedule = match (automatic(session, &service)?, change.is_empty()) {
            (Some(schedule), true) => schedule,
            (Some(schedule), false) => {
                let path = format!("/backups/schedules/{}", number(&schedule, "id"));
                session.client.patch(&path, &Value::Object(change))?
            }
            (None, true) => {
                return Err(Exit::new(ExitKind::NotFound, format!("{service} has no automatic backup"))
                    .with_hint("say what it is to be, e.g. --enabled true --schedule \"0 2 * * *\" --retention 7"));
            }
            (None, false) => create(session, service, change)?,
        };
        if session.json {
            print_json(&schedule);
        } else {
            print(&described(&schedule));
        }
        Ok(())
    }

    /// What was said, in the words of the API.
    fn fields(&self) -> Map<String, Value> {
        let fields = [
            ("enabled", self.enabled.map(Value::from)),
            ("schedule", self.schedule.clone().map(Value::from)),
            ("retention", self.retention.map(Value::from)),
        ];
        fields.into_iter().filter_map(|(field, value)| Some((field.to_owned(), value?))).collect()
    }
}

fn count(text: &str) -> Result<u32, String> {
    let read = text.parse().ok().filter(|count| (1..=100_000).contains(count));
    read.ok_or_else(|| {
        "must be a whole number from 1 to 100000; `--enabled false` ends the automatic backups and deletes none"
            .to_owned()
    })
}

/// The schedule that makes the automatic backups of a service: the one that every service gets, else the only one that makes backups of
/// the same kind.
fn automatic(session: &Session, service: &str) -> Result<Option<Value>, Exit> {
    let schedules = schedules(&session.client, service)?;
    if let Some(found) = schedules.iter().find(|schedule| text(schedule, "origin") == "automatic") {
        return Ok(Some(found.clone()));
    }
    let method = session.usual_method(service)?;
    let alike: Vec<&Value> = schedules.iter().filter(|schedule| text(schedule, "type") == method).collect();
    match alike[..] {
        [] => Ok(None),
        [one] => Ok(Some(one.clone())),
        _ => {
            let ids: Vec<String> = alike.iter().map(|schedule| number(schedule, "id").to_string()).collect();
            let exit = Exit::new(ExitKind::Usage, format!("{service} has several schedules: {}", ids.join(", ")));
            Err(exit.with_hint("name the one that is meant: `bulkhead schedule update ID`"))
        }
    }
}

/// All recurring schedules of a service.
fn schedules(client: &Client, service: &str) -> Result<Vec<Value>, Exit> {
    let page = client.get(&format!("/backups/schedules?service_id={}&page_size=1000", segment(service)))?;
    let recurring = list(&page).iter().filter(|schedule| text(schedule, "schedule") != "once");
    Ok(recurring.cloned().collect())
}

fn create(session: &Session, service: String, mut body: Map<String, Value>) -> Result<Value, Exit> {
    body.insert("backup_type".to_owned(), session.usual_method(&service)?.into());
    body.insert("service_id".to_owned(), service.into());
    body.entry("schedule").or_insert_with(|| NIGHTLY.into());
    body.entry("retention").or_insert_with(|| KEPT.into());
    session.client.post("/backups/schedules", Some(&Value::Object(body)))
}

fn described(schedule: &Value) -> String {
    let enabled = flag(schedule, "enabled");
    let retention = match &schedule["retention"] {
        Value::Number(count) => count.to_string(),
        Value::Null => "all".to_owned(),
        rules => rules.to_string(),
    };
    let next = if enabled { time(text(schedule, "next_fire_time")).to_owned() } else { String::new() };
    fields(&[
        ("Service", text(schedule, "service_id").to_owned()),
        ("Enabled", enabled.to_string()),
        ("Schedule", format!("{} ({})", text(schedule, "schedule"), text(schedule, "timezone"))),
        ("Retention", retention),
        ("Type", text(schedule, "type").to_owned()),
        ("Next backup", next),
    ])
}

#[cfg(test)]
mod tests {
    use clap::FromArgMatches;
    use serde_json::json;

    use super::*;

    fn read(arguments: &[&str]) -> Result<Value, String> {
        let command = Configure::augment_args(clap::Command::new("configure"));
        let matches = command.try_get_matches_from([&["configure"], arguments].concat());
        let matches = matches.map_err(|error| error.to_string())?;
        Configure::from_arg_matches(&matches)
            .map(|configure| Value::Object(configure.fields()))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn any_subset_is_sent_and_nothing_else() {
        for (arguments, sent) in [
            (&[][..], json!({})),
            (&["--enabled", "false"], json!({"enabled": false})),
            (&["--retention", "30"], json!({"retention": 30})),
            (
                &["--enabled", "true", "--schedule", "0 2 * * *", "--retention", "7"],
                json!({"enabled": true, "schedule": "0 2 * * *", "retention": 7}),
            ),
        ] {
            assert_eq!(read(arguments), Ok(sent), "{arguments:?}");
        }
    }

    #[test]
    fn keeping_nothing_is_refused_with_the_way_to_stop() {
        for count in ["0", "-3", "1.5", "many", "100001"] {
            let refused = read(&["--retention", count]).unwrap_err();
            assert!(refused.contains("--retention <N>") && refused.contains("from 1 to 100000"), "{refused}");
            assert!(refused.contains("--enabled false"), "{refused}");
        }
        assert!(read(&["--enabled", "maybe"]).unwrap_err().contains("--enabled <true|false>"));
    }

    #[test]
    fn what_is_configured_is_shown() {
        let schedule = json!({"service_id": "db1", "enabled": true, "schedule": "0 2 * * *", "timezone": "UTC", "retention": 7,
            "type": "export", "next_fire_time": "2026-04-09T02:00:00Z"});
        assert_eq!(
            described(&schedule),
            "Service:     db1\nEnabled:     true\nSchedule:    0 2 * * * (UTC)\nRetention:   7\nType:        export\nNext backup: 2026-04-09T02:00:00"
        );
    }
}
