//! What can be said of a schedule when it is made and when it is changed.

use std::time::Duration;

use clap::Args;
use serde_json::{Map, Value};

use crate::config::units::parse_duration;

/// Flags of `schedule create` and `schedule update`.
#[derive(Args)]
pub struct Change {
    /// The time zone of the expression, e.g. Europe/Berlin; UTC by default
    #[arg(long, value_name = "ZONE")]
    timezone: Option<String>,
    /// A name for its backups; {service}, {method}, {date}, {time} and {n} are filled in
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Starts each run up to this much later, always the same for one fire time
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    jitter: Option<Duration>,
    /// What becomes of a run that was missed: run_once or skip
    #[arg(long, value_name = "RULE", value_parser = ["run_once", "skip"])]
    misfire: Option<String>,
    /// Another target that its backups go to in the same stream; may be given several times
    #[arg(long = "copy-to", value_name = "ID")]
    copies: Vec<String>,
    #[command(flatten)]
    retention: Retention,
}

/// What a schedule keeps. Without any of these flags, nothing is said of it.
#[derive(Args)]
pub struct Retention {
    /// Keep this many of the newest good backups
    #[arg(long = "retention", visible_alias = "keep-last", value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    keep_last: Option<u32>,
    /// Keep what is younger than this many days
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..))]
    keep_within_days: Option<u32>,
    /// Keep the newest of each of this many days
    #[arg(long, value_name = "N")]
    keep_daily: Option<u32>,
    /// Keep the newest of each of this many weeks
    #[arg(long, value_name = "N")]
    keep_weekly: Option<u32>,
    /// Keep the newest of each of this many months
    #[arg(long, value_name = "N")]
    keep_monthly: Option<u32>,
    /// Keep the newest of each of this many years
    #[arg(long, value_name = "N")]
    keep_yearly: Option<u32>,
}

impl Change {
    /// The fields of a request.
    pub fn into_fields(self) -> Map<String, Value> {
        let mut body = Map::new();
        for (field, value) in [("timezone", self.timezone), ("name", self.name), ("misfire", self.misfire)] {
            if let Some(value) = value {
                body.insert(field.to_owned(), value.into());
            }
        }
        if let Some(jitter) = self.jitter {
            body.insert("jitter_seconds".to_owned(), jitter.as_secs().into());
        }
        if !self.copies.is_empty() {
            body.insert("copies".to_owned(), self.copies.into());
        }
        if let Some(retention) = self.retention.into_field() {
            body.insert("retention".to_owned(), retention);
        }
        body
    }
}

impl Retention {
    /// `7`, or `{"keep_last": 7, "daily": 14}`.
    pub fn into_field(self) -> Option<Value> {
        let rules = [
            ("keep_last", self.keep_last),
            ("keep_within_days", self.keep_within_days),
            ("daily", self.keep_daily),
            ("weekly", self.keep_weekly),
            ("monthly", self.keep_monthly),
            ("yearly", self.keep_yearly),
        ];
        let rules: Map<String, Value> =
            rules.into_iter().filter_map(|(rule, number)| Some((rule.to_owned(), number?.into()))).collect();
        match (rules.len(), rules.get("keep_last")) {
            (0, _) => None,
            (1, Some(count)) => Some(count.clone()),
            _ => Some(Value::Object(rules)),
        }
    }
}
