//! `[automatic]`: the backup that every service gets by itself.

use std::time::Duration;

use bulkhead_engine::AutomaticConfig;
use bulkhead_model::{Expression, RetentionPolicy, Zone};

use super::reader::Section;

/// Every night, spread over an hour, a week of them kept.
const NIGHTLY: &str = "0 2 * * *";
const SPREAD: Duration = Duration::from_hours(1);
const KEPT: u32 = 7;
/// Says that there is none.
pub const OFF: &str = "off";

/// Reads `[automatic]`.
pub fn read(root: &Section<'_>) -> AutomaticConfig {
    let nightly = AutomaticConfig {
        expression: Expression::parse(NIGHTLY).ok(),
        zone: Zone::default(),
        jitter: SPREAD,
        retention: Some(RetentionPolicy::last(KEPT)),
    };
    match root.table("automatic") {
        None => nightly,
        Some(section) => {
            let automatic = read_keys(&section, &nightly);
            section.finish();
            automatic
        }
    }
}

/// The keys of `[automatic]` and of `[service.automatic]`; what is not said is as in `default`.
pub fn read_keys(section: &Section<'_>, default: &AutomaticConfig) -> AutomaticConfig {
    let expression = match section.text("schedule") {
        Some(text) if text == OFF => None,
        Some(_) => section.optional::<Expression>("schedule", NIGHTLY),
        None => default.expression.clone(),
    };
    AutomaticConfig {
        expression,
        zone: section.optional::<Zone>("timezone", "Europe/Berlin").unwrap_or_else(|| default.zone.clone()),
        jitter: section.duration("jitter", default.jitter),
        retention: retention(section).or_else(|| default.retention.clone()),
    }
}

/// `retention`: a number of backups, or a table of rules.
pub fn retention(section: &Section<'_>) -> Option<RetentionPolicy> {
    let value = section.json("retention");
    if !section.keys().any(|key| key == "retention") {
        return None;
    }
    // From the environment everything is text.
    let value = match value.as_str().map(serde_json::from_str) {
        Some(Ok(parsed)) => parsed,
        _ => value,
    };
    match RetentionPolicy::from_json(&value) {
        Ok(policy) => Some(policy),
        Err(failure) => {
            let hint = failure.hint.unwrap_or_else(|| "write e.g. retention = 14".to_owned());
            section.wrong("retention", failure.message, hint);
            None
        }
    }
}
