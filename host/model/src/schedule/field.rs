//! One field of a crontab(5) expression: what may stand in it, and which values that means.

use crate::{Failure, Result};

/// Places of the fields in an expression.
pub(super) const HOUR: usize = 1;
pub(super) const DAY_OF_MONTH: usize = 2;
pub(super) const MONTH: usize = 3;
pub(super) const DAY_OF_WEEK: usize = 4;

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// The five fields in their order.
pub(super) const FIELDS: [Field; 5] = [
    Field { name: "minute", low: 0, high: 59, step: 60, words: &[] },
    Field { name: "hour", low: 0, high: 23, step: 24, words: &[] },
    Field { name: "day of month", low: 1, high: 31, step: 31, words: &[] },
    Field { name: "month", low: 1, high: 12, step: 12, words: &MONTHS },
    Field { name: "day of week", low: 0, high: 7, step: 7, words: &DAYS },
];

/// What may stand in a field.
pub(super) struct Field {
    name: &'static str,
    low: u32,
    high: u32,
    /// The longest step. crontab(5) takes any and then fires once a round: `*/90` in minutes is no 90 minutes.
    step: u32,
    /// Names of the values, from `low` on.
    words: &'static [&'static str],
}

/// The values of a field.
pub(super) struct Set {
    /// A bit for each value; Sunday is 0 or 7, or both.
    pub(super) values: u64,
    /// The field begins with `*`, also as `*/2`: what Vixie's cron calls a star.
    pub(super) star: bool,
    /// The normal form.
    pub(super) text: String,
}

impl Set {
    pub(super) fn has(&self, value: u32) -> bool {
        self.values >> value & 1 == 1
    }

    /// Every value, with commas between them.
    pub(super) fn listed(&self) -> String {
        let values: Vec<_> = (0..u64::BITS).filter(|value| self.has(*value)).map(|value| value.to_string()).collect();
        values.join(",")
    }
}

impl Field {
    /// Reads a field in lower case.
    pub(super) fn read(&self, text: &str) -> Result<Set> {
        let mut values = 0_u64;
        let mut items = Vec::new();
        for item in text.split(',') {
            let (first, last, step, item) = self.item(item)?;
            for value in (first..=last).step_by(step) {
                // 7 is Sunday, as 0 is: croner folds the two.
                values |= 1 << value;
            }
            items.push(item);
        }
        Ok(Set { values, star: text.starts_with('*'), text: items.join(",") })
    }

    /// Reads `*`, `5`, `1-5`, `mon-fri`, or one of these with a step: first, last, step, normal form.
    fn item(&self, item: &str) -> Result<(u32, u32, usize, String)> {
        if let Some(hint) = extension(item, self.words) {
            return Err(self.wrong(item).with_hint(hint));
        }
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => (range, Some(self.step(item, step)?)),
            None => (item, None),
        };
        let (first, last, text) = if range == "*" {
            (self.low, self.high, "*".to_owned())
        } else if let Some((from, to)) = range.split_once('-') {
            let ((first, from), (last, to)) = (self.value(item, from)?, self.value(item, to)?);
            if first > last {
                let hint = match (self.name, last) {
                    ("day of week", 0) => format!("Sunday is also 7: `{from}-7`"),
                    _ => format!("write two ranges: `{from}-{},{}-{to}`", self.high, self.low),
                };
                return Err(Failure::invalid(format!("`{from}-{to}` in the {} field runs backwards", self.name))
                    .with_hint(hint));
            }
            (first, last, format!("{from}-{to}"))
        } else {
            let (value, text) = self.value(item, range)?;
            if step.is_some() {
                return Err(self.wrong(item).with_hint(format!("a step needs a range: `{text}-{}/...`", self.high)));
            }
            (value, value, text)
        };
        Ok(match step {
            Some(step) => (first, last, step, format!("{text}/{step}")),
            None => (first, last, 1, text),
        })
    }

    fn value(&self, item: &str, text: &str) -> Result<(u32, String)> {
        if let Some(at) = self.words.iter().position(|word| *word == text) {
            return Ok((self.low + at as u32, text.to_owned()));
        }
        let value = number(text).filter(|value| (self.low..=self.high).contains(value));
        value.map(|value| (value, value.to_string())).ok_or_else(|| {
            let mut hint = format!("use {} to {}", self.low, self.high);
            if let (Some(first), Some(last)) = (self.words.first(), self.words.last()) {
                hint.push_str(&format!(" or {first} to {last}"));
            }
            self.wrong(item).with_hint(hint)
        })
    }

    fn step(&self, item: &str, text: &str) -> Result<usize> {
        number(text)
            .filter(|step| (1..=self.step).contains(step))
            .map(|step| step as usize)
            .ok_or_else(|| self.wrong(item).with_hint(format!("a step in this field is 1 to {}", self.step)))
    }

    fn wrong(&self, item: &str) -> Failure {
        match item {
            "" => Failure::invalid(format!("a value in the {} field is empty", self.name)),
            _ => Failure::invalid(format!("`{}` is no {}", item.escape_debug(), self.name)),
        }
    }
}

fn number(text: &str) -> Option<u32> {
    // `parse` would take `+5`.
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

/// What to do instead of something that other crons know.
fn extension(item: &str, words: &[&str]) -> Option<&'static str> {
    let word = |letter: char| item.contains(letter) && !words.iter().any(|word| item.contains(word));
    if item.contains('?') {
        Some("`?` is not crontab(5): write `*`")
    } else if item.contains('#') || word('l') || word('w') {
        Some("`L`, `W` and `#` are not crontab(5)")
    } else if item.contains('~') {
        Some("`~` is not crontab(5): give the schedule a jitter")
    } else {
        None
    }
}
