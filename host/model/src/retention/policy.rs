//! What a tenant wants to keep.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Failure, Result, nearest};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const LAST: RangeInclusive<u64> = 1..=100_000;
const WITHIN_DAYS: RangeInclusive<u64> = 1..=36_500;
const BUCKETS: RangeInclusive<u64> = 0..=1000;
const FIELDS: [&str; 6] = ["keep_last", "keep_within_days", "daily", "weekly", "monthly", "yearly"];

/// Which backups a schedule or service keeps: each rule keeps some, and what no rule keeps expires.
///
/// In JSON a number N, for the N newest, or an object:
/// `{"keep_last": 7, "keep_within_days": 30, "daily": 7, "weekly": 4, "monthly": 12, "yearly": 3}`.
/// Made by reading, or by [`RetentionPolicy::last`]; at least one rule is set.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetentionPolicy {
    /// The newest ones.
    pub keep_last: Option<u32>,
    /// Those that are younger; whole days.
    pub keep_within: Option<Duration>,
    /// The newest of each of so many days that have one.
    pub daily: u32,
    /// The newest of each of so many ISO weeks that have one.
    pub weekly: u32,
    /// The newest of each of so many months that have one.
    pub monthly: u32,
    /// The newest of each of so many years that have one.
    pub yearly: u32,
}

impl RetentionPolicy {
    /// Keeps the `count` newest; 0 is taken for 1.
    pub fn last(count: u32) -> Self {
        Self { keep_last: Some(count.max(1)), keep_within: None, daily: 0, weekly: 0, monthly: 0, yearly: 0 }
    }

    /// Reads the JSON shape; a number may also stand as text.
    ///
    /// # Errors
    /// `invalid`, naming the rule.
    pub fn from_json(value: &Value) -> Result<Self> {
        match value {
            Value::Object(rules) => Self::from_rules(rules),
            other => {
                let number = other.as_u64().or_else(|| other.as_str()?.trim().parse().ok());
                let count = number.filter(|count| LAST.contains(count)).and_then(|count| u32::try_from(count).ok());
                count.map(Self::last).ok_or_else(|| {
                    Failure::invalid(format!(
                        "`retention` must be a whole number from {} to {}, or an object of rules",
                        LAST.start(),
                        LAST.end()
                    ))
                    .with_hint("e.g. 7 or {\"daily\": 7, \"weekly\": 4, \"monthly\": 12}")
                })
            }
        }
    }

    fn from_rules(rules: &Map<String, Value>) -> Result<Self> {
        if let Some(unknown) = rules.keys().find(|name| !FIELDS.contains(&name.as_str())) {
            let failure = Failure::invalid(format!("unknown rule `retention.{}`", unknown.escape_debug()));
            return Err(match nearest(unknown, FIELDS) {
                Some(field) => failure.with_hint(format!("did you mean `{field}`?")),
                None => failure.with_hint(format!("known: {}", FIELDS.join(", "))),
            });
        }
        let days = rule(rules, "keep_within_days", WITHIN_DAYS)?;
        let bucket = |name| rule(rules, name, BUCKETS).map(Option::unwrap_or_default);
        let policy = Self {
            keep_last: rule(rules, "keep_last", LAST)?,
            keep_within: days.map(|days| DAY.saturating_mul(days)),
            daily: bucket("daily")?,
            weekly: bucket("weekly")?,
            monthly: bucket("monthly")?,
            yearly: bucket("yearly")?,
        };
        let buckets = [policy.daily, policy.weekly, policy.monthly, policy.yearly];
        if policy.keep_last.is_none() && policy.keep_within.is_none() && buckets == [0; 4] {
            return Err(Failure::invalid("`retention` has no rule that keeps something")
                .with_hint(format!("rules: {}", FIELDS.join(", "))));
        }
        Ok(policy)
    }

    /// The JSON shape: a number when the newest ones are all that is kept.
    pub fn to_json(&self) -> Value {
        let days = self.keep_within.map(|within| within.as_secs() / DAY.as_secs());
        let buckets = [self.daily, self.weekly, self.monthly, self.yearly].map(|count| Some(count).filter(|c| *c > 0));
        match self.keep_last {
            Some(count) if days.is_none() && buckets == [None; 4] => Value::from(count),
            last => {
                let counts = [last.map(u64::from), days].into_iter().chain(buckets.map(|count| count.map(u64::from)));
                let rules = FIELDS.into_iter().zip(counts);
                rules.filter_map(|(name, count)| Some((name.to_owned(), Value::from(count?)))).collect()
            }
        }
    }
}

/// A rule's number; absent or null is `None`.
fn rule(rules: &Map<String, Value>, name: &str, range: RangeInclusive<u64>) -> Result<Option<u32>> {
    let value = match rules.get(name) {
        None | Some(Value::Null) => return Ok(None),
        Some(value) => value.as_u64().filter(|number| range.contains(number)),
    };
    value.and_then(|number| u32::try_from(number).ok()).map(Some).ok_or_else(|| {
        Failure::invalid(format!("`retention.{name}` must be a whole number from {} to {}", range.start(), range.end()))
    })
}

impl FromStr for RetentionPolicy {
    type Err = Failure;

    /// Reads the JSON shape from text, e.g. `7` or `{"daily": 7}`.
    fn from_str(text: &str) -> Result<Self> {
        let value = serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()));
        Self::from_json(&value)
    }
}

impl fmt::Display for RetentionPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_json().fmt(f)
    }
}

impl Serialize for RetentionPolicy {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_json().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for RetentionPolicy {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_json(&Value::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_a_number_or_an_object_of_rules() {
        for (text, normal) in [
            ("7", "7"),
            ("\"7\"", "7"),
            (" 100000 ", "100000"),
            (r#"{"keep_last": 7}"#, "7"),
            (r#"{"keep_last": 7, "daily": 0, "weekly": null}"#, "7"),
            (r#"{"daily": 7}"#, r#"{"daily":7}"#),
            (
                r#"{"yearly": 1000, "monthly": 12, "weekly": 4, "daily": 7, "keep_within_days": 36500, "keep_last": 1}"#,
                r#"{"daily":7,"keep_last":1,"keep_within_days":36500,"monthly":12,"weekly":4,"yearly":1000}"#,
            ),
        ] {
            let policy: RetentionPolicy = text.parse().unwrap();
            assert_eq!(serde_json::to_string(&policy).unwrap(), normal);
            assert_eq!(serde_json::from_str::<RetentionPolicy>(normal).unwrap(), policy);
        }
        assert_eq!(RetentionPolicy::last(7), "7".parse().unwrap());
    }

    #[test]
    fn a_wrong_rule_is_named() {
        let whole = "`retention` must be a whole number from 1 to 100000, or an object of rules; \
                     hint: e.g. 7 or {\"daily\": 7, \"weekly\": 4, \"monthly\": 12}";
        let rules = "keep_last, keep_within_days, daily, weekly, monthly, yearly";
        let nothing = format!("`retention` has no rule that keeps something; hint: rules: {rules}");
        let number = |name, range| format!("`retention.{name}` must be a whole number from {range}");
        let unknown = |name, hint: &str| format!("unknown rule `retention.{name}`; hint: {hint}");
        for text in ["0", "100001", "-1", "1.5", "seven", "", "null", "[7]", "true"] {
            assert_eq!(text.parse::<RetentionPolicy>().unwrap_err().to_string(), whole, "{text}");
        }
        for (text, message) in [
            ("{}", nothing.clone()),
            (r#"{"daily": 0, "weekly": null}"#, nothing),
            (r#"{"keep_last": 0}"#, number("keep_last", "1 to 100000")),
            (r#"{"keep_last": 100001}"#, number("keep_last", "1 to 100000")),
            (r#"{"keep_within_days": 0}"#, number("keep_within_days", "1 to 36500")),
            (r#"{"keep_within_days": 36501}"#, number("keep_within_days", "1 to 36500")),
            (r#"{"daily": 1001}"#, number("daily", "0 to 1000")),
            (r#"{"monthly": -1}"#, number("monthly", "0 to 1000")),
            (r#"{"yearly": "3"}"#, number("yearly", "0 to 1000")),
            (r#"{"weekly": 4294967297}"#, number("weekly", "0 to 1000")),
            (r#"{"keep_newest": 7}"#, unknown("keep_newest", "did you mean `keep_last`?")),
            (r#"{"hourly": 7}"#, unknown("hourly", &format!("known: {rules}"))),
        ] {
            assert_eq!(text.parse::<RetentionPolicy>().unwrap_err().to_string(), message, "{text}");
        }
    }
}
