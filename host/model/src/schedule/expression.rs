//! Reads a crontab(5) expression.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use serde::{Deserialize, Serialize};

use super::field::{DAY_OF_MONTH, DAY_OF_WEEK, FIELDS, HOUR, MONTH, Set};
use crate::{Failure, Result, nearest};

/// Longer than any expression that lists every value of every field.
const LONGEST: usize = 600;

const NICKNAMES: [(&str, &str); 7] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];

const DAYS_OF_MONTHS: [u32; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// A crontab(5) expression: five fields, minute to day of week. Shown and kept in its normal form, e.g. `0 9 * * *`.
///
/// Whether two are equal is decided by that text. Cloning is cheap.
#[derive(Clone)]
pub struct Expression {
    text: String,
    /// Answers which local times match; knows nothing of time zones.
    pub(super) pattern: Arc<Cron>,
    /// The hour field begins with `*`: the schedule follows elapsed time over changes of the clock.
    pub(super) every_hour: bool,
}

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    /// `invalid`, naming the field that is wrong, or saying that the expression never fires.
    pub fn parse(text: &str) -> Result<Self> {
        let fields = split(text)?;
        let mut sets = Vec::with_capacity(FIELDS.len());
        for (field, text) in FIELDS.iter().zip(&fields) {
            sets.push(field.read(text)?);
        }
        let both = sets[DAY_OF_MONTH].star || sets[DAY_OF_WEEK].star;
        let text = sets.iter().map(|set| set.text.as_str()).collect::<Vec<_>>().join(" ");
        if both && never(&sets) {
            return Err(Failure::invalid(format!("the schedule `{text}` never fires"))
                .with_hint("no month that it names has such a day"));
        }
        Ok(Self { pattern: Arc::new(compile(&sets, both)?), every_hour: sets[HOUR].star, text })
    }

    /// The normal form: five fields, one space between them.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// Cuts a text into five fields; says what is wrong when there are not five.
fn split(text: &str) -> Result<Vec<String>> {
    if text.len() > LONGEST {
        return Err(Failure::invalid(format!("the schedule has {} characters", text.len()))
            .with_hint(format!("at most {LONGEST} are read")));
    }
    let text = text.trim().to_ascii_lowercase();
    if text.starts_with('@') {
        let Some((_, fields)) = NICKNAMES.iter().find(|(nickname, _)| *nickname == text) else {
            return Err(unknown_nickname(&text));
        };
        return Ok(fields.split(' ').map(str::to_owned).collect());
    }
    let mut fields = Vec::new();
    for word in text.split_ascii_whitespace() {
        // SkySQL's documents print `0 9 ** *` for `0 9 * * *`.
        match word.bytes().all(|byte| byte == b'*') {
            true => fields.extend(word.chars().map(String::from)),
            false => fields.push(word.to_owned()),
        }
    }
    if let Some(setting) = fields.first().filter(|word| word.contains('=')) {
        return Err(Failure::invalid(format!("`{}` is no part of a schedule", setting.escape_debug()))
            .with_hint("give the time zone in a field of its own"));
    }
    match fields.len() {
        5 => Ok(fields),
        count => {
            let hint = match count {
                6 | 7 => "seconds and years are not supported: minute, hour, day of month, month, day of week",
                _ => "e.g. `30 2 * * *`: minute, hour, day of month, month, day of week",
            };
            let fields = if count == 1 { "field" } else { "fields" };
            Err(Failure::invalid(format!("a schedule has five fields, not {count} {fields}")).with_hint(hint))
        }
    }
}

fn unknown_nickname(text: &str) -> Failure {
    let failure = Failure::invalid(format!("`{}` is no schedule", text.escape_debug()));
    let known = NICKNAMES.map(|(nickname, _)| nickname);
    match nearest(text, known) {
        _ if text == "@reboot" => failure.with_hint("a schedule follows the clock, not the start of a machine"),
        Some(nickname) => failure.with_hint(format!("did you mean `{nickname}`?")),
        None => failure.with_hint(format!("known: {}", known.join(", "))),
    }
}

/// Whether no year has such a day. Only asked when day of month and day of week must both match; each date falls on each
/// day of the week within 400 years, so the day of week decides nothing here.
fn never(sets: &[Set]) -> bool {
    let first_day = sets[DAY_OF_MONTH].values.trailing_zeros();
    !(1..=12).zip(DAYS_OF_MONTHS).any(|(month, days)| sets[MONTH].has(month) && first_day <= days)
}

/// Hands the values to croner. Its own reading is not used: it takes only a lone `*` for a star, and knows words that
/// crontab(5) does not.
fn compile(sets: &[Set], both: bool) -> Result<Cron> {
    let fields: Vec<_> = sets.iter().map(Set::listed).collect();
    CronParser::builder()
        .seconds(Seconds::Disallowed)
        .year(Year::Disallowed)
        .dom_and_dow(both)
        .build()
        .parse(&fields.join(" "))
        .map_err(|error| Failure::invalid(format!("the schedule cannot be read: {error}")))
}

impl FromStr for Expression {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expression").field(&self.text).finish()
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Expression {}

impl Serialize for Expression {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Expression {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
