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
        0 => Err(Failure::invalid("the schedule is empty").with_hint("e.g. `30 2 * * *`")),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_normal_form_is_five_fields() {
        for (text, normal) in [
            ("0 9 ** *", "0 9 * * *"),
            ("0 9 ***", "0 9 * * *"),
            (" 00\t 03 01  JAN-Mar,dec  Mon ", "0 3 1 jan-mar,dec mon"),
            ("*/15 8-18/02 * * 1-5,7", "*/15 8-18/2 * * 1-5,7"),
            ("*,5 5,* * * *", "*,5 5,* * * *"),
            ("@Daily", "0 0 * * *"),
            ("@midnight", "0 0 * * *"),
            ("@hourly", "0 * * * *"),
            ("@weekly", "0 0 * * 0"),
            ("@monthly", "0 0 1 * *"),
            ("@yearly", "0 0 1 1 *"),
            ("@annually", "0 0 1 1 *"),
            // Not in February, but on its Mondays.
            ("0 0 30 2 1", "0 0 30 2 1"),
            ("0 0 29 2 *", "0 0 29 2 *"),
        ] {
            let expression: Expression = text.parse().unwrap();
            assert_eq!(expression.as_str(), normal, "{text:?}");
            assert_eq!(normal.parse::<Expression>().unwrap(), expression);
        }
    }

    #[test]
    fn what_crontab_does_not_know_is_refused_with_what_to_write() {
        let longest = "0,".repeat(300) + "1 * * * *";
        for (text, message) in [
            ("", "the schedule is empty; hint: e.g. `30 2 * * *`"),
            (
                "once",
                "a schedule has five fields, not 1 field; hint: e.g. `30 2 * * *`: minute, hour, day of month, month, day of week",
            ),
            (
                "0 3 * *",
                "a schedule has five fields, not 4 fields; hint: e.g. `30 2 * * *`: minute, hour, day of month, month, day of week",
            ),
            (
                "0 0 3 * * *",
                "a schedule has five fields, not 6 fields; hint: seconds and years are not supported: minute, hour, day of month, month, day of week",
            ),
            (
                "0 0 3 * * * 2027",
                "a schedule has five fields, not 7 fields; hint: seconds and years are not supported: minute, hour, day of month, month, day of week",
            ),
            ("TZ=UTC 0 3 * * *", "`tz=utc` is no part of a schedule; hint: give the time zone in a field of its own"),
            ("@reboot", "`@reboot` is no schedule; hint: a schedule follows the clock, not the start of a machine"),
            ("@dayly", "`@dayly` is no schedule; hint: did you mean `@daily`?"),
            (
                "@every 5m",
                "`@every 5m` is no schedule; hint: known: @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly",
            ),
            ("60 * * * *", "`60` is no minute; hint: use 0 to 59"),
            ("0 24 * * *", "`24` is no hour; hint: use 0 to 23"),
            ("0 0 0 * *", "`0` is no day of month; hint: use 1 to 31"),
            ("0 0 32 * *", "`32` is no day of month; hint: use 1 to 31"),
            ("0 0 * 13 *", "`13` is no month; hint: use 1 to 12 or jan to dec"),
            ("0 0 * * 8", "`8` is no day of week; hint: use 0 to 7 or sun to sat"),
            ("0 0 * * moon", "`moon` is no day of week; hint: use 0 to 7 or sun to sat"),
            ("0 0 jan * *", "`jan` is no day of month; hint: use 1 to 31"),
            ("-5 * * * *", "`-5` is no minute; hint: use 0 to 59"),
            ("+5 * * * *", "`+5` is no minute; hint: use 0 to 59"),
            ("5- * * * *", "`5-` is no minute; hint: use 0 to 59"),
            ("1,,2 * * * *", "a value in the minute field is empty; hint: use 0 to 59"),
            ("5/10 * * * *", "`5/10` is no minute; hint: a step needs a range: `5-59/...`"),
            ("*/0 * * * *", "`*/0` is no minute; hint: a step in this field is 1 to 60"),
            ("*/ * * * *", "`*/` is no minute; hint: a step in this field is 1 to 60"),
            ("*/90 * * * *", "`*/90` is no minute; hint: a step in this field is 1 to 60"),
            ("*/2/2 * * * *", "`*/2/2` is no minute; hint: a step in this field is 1 to 60"),
            ("*-5 * * * *", "`*-5` is no minute; hint: use 0 to 59"),
            ("50-10 * * * *", "`50-10` in the minute field runs backwards; hint: write two ranges: `50-59,0-10`"),
            ("0 0 * * fri-sun", "`fri-sun` in the day of week field runs backwards; hint: Sunday is also 7: `fri-7`"),
            (
                "0 0 * * sat-mon",
                "`sat-mon` in the day of week field runs backwards; hint: write two ranges: `sat-7,0-mon`",
            ),
            ("0 0 L * *", "`l` is no day of month; hint: `L`, `W` and `#` are not crontab(5)"),
            ("0 0 15w * *", "`15w` is no day of month; hint: `L`, `W` and `#` are not crontab(5)"),
            ("0 0 * * 5#2", "`5#2` is no day of week; hint: `L`, `W` and `#` are not crontab(5)"),
            ("0 0 ? * 1", "`?` is no day of month; hint: `?` is not crontab(5): write `*`"),
            ("0~30 3 * * *", "`0~30` is no minute; hint: `~` is not crontab(5): give the schedule a jitter"),
            ("0 0 30 2 *", "the schedule `0 0 30 2 *` never fires; hint: no month that it names has such a day"),
            (
                "0 0 31 2,4,6,9,11 */2",
                "the schedule `0 0 31 2,4,6,9,11 */2` never fires; hint: no month that it names has such a day",
            ),
            ("٣ * * * *", "`٣` is no minute; hint: use 0 to 59"),
            ("4294967301 * * * *", "`4294967301` is no minute; hint: use 0 to 59"),
            ("\u{1b}[31m * * * *", "`\\u{1b}[31m` is no minute; hint: use 0 to 59"),
            (&longest, "the schedule has 609 characters; hint: at most 600 are read"),
        ] {
            match text.parse::<Expression>() {
                Ok(read) => panic!("`{text}` was read as `{read}`"),
                Err(failure) => assert_eq!(failure.to_string(), message),
            }
        }
    }

    #[test]
    fn an_expression_is_text_in_json() {
        let expression: Expression = serde_json::from_str("\"@daily\"").unwrap();
        assert_eq!(serde_json::to_string(&expression).unwrap(), "\"0 0 * * *\"");
        assert!(serde_json::from_str::<Expression>("\"0 0 30 2 *\"").is_err());
    }
}
