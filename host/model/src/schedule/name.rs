//! Names of backups, and templates from which a recurring schedule makes them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Zone;
use crate::{Failure, Method, Result, ServiceId, Timestamp, is_hidden, nearest};

/// Characters in the longest name.
const LONGEST: usize = 100;

/// Digits that a template leaves room for in `{n}`.
const DIGITS: usize = 9;

/// The name a caller gave to a backup. Names stand in tables, paths and sentences.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BackupName(String);

impl BackupName {
    /// Checks a name; blanks at its ends are taken off.
    ///
    /// # Errors
    /// `invalid`.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        if text.is_empty() {
            return Err(Failure::invalid("`name` is empty"));
        }
        if text.chars().count() > LONGEST || text.chars().any(|c| is_hidden(c) || matches!(c, '/' | '(' | ')')) {
            return Err(Failure::invalid(format!(
                "`name` must have at most {LONGEST} printable characters, without `/`, `(` and `)`"
            )));
        }
        Ok(Self(text.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a placeholder stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Placeholder {
    Service,
    Method,
    Date,
    Time,
    Number,
}

impl Placeholder {
    const ALL: [(&str, Self); 5] = [
        ("service", Self::Service),
        ("method", Self::Method),
        ("date", Self::Date),
        ("time", Self::Time),
        ("n", Self::Number),
    ];
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Placeholder(Placeholder),
}

/// A template of backup names with the placeholders `{service}`, `{method}`, `{date}`, `{time}` and `{n}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NameTemplate {
    text: String,
    parts: Vec<Part>,
}

impl NameTemplate {
    /// Reads a template.
    ///
    /// # Errors
    /// `invalid`: an unknown placeholder, a brace without its other half, or names that no backup may have.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        let template = Self { parts: parts(text)?, text: text.to_owned() };
        // The shortest name it can make: with service and method known, `fits` says it exactly.
        BackupName::parse(&template.fill("s", "m", "2026-07-14", "02:30", "1"))?;
        Ok(template)
    }

    /// Checks that the names it makes for a service and method are not too long, with a number of up to nine digits.
    ///
    /// # Errors
    /// `invalid`.
    pub fn fits(&self, service: &ServiceId, method: &Method) -> Result<()> {
        let number = "9".repeat(DIGITS);
        let longest = self.fill(service.as_str(), method.as_str(), "2026-07-14", "02:30", &number);
        BackupName::parse(&longest)
            .map_err(|failure| failure.with_hint(format!("this template makes names such as `{longest}`")))?;
        Ok(())
    }

    /// The name of the `n`th backup, due at `due`; date and time are those of the clocks in `zone`.
    ///
    /// Cut after 100 characters: see [`NameTemplate::fits`].
    pub fn render(&self, service: &ServiceId, method: &Method, due: Timestamp, zone: &Zone, n: u64) -> String {
        let (date, time) = zone.date_and_time(due);
        let name = self.fill(service.as_str(), method.as_str(), &date, &time, &n.to_string());
        name.chars().take(LONGEST).collect()
    }

    /// The template as text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn fill<'t>(&'t self, service: &'t str, method: &'t str, date: &'t str, time: &'t str, n: &'t str) -> String {
        let fill = |part: &'t Part| match part {
            Part::Text(text) => text.as_str(),
            Part::Placeholder(Placeholder::Service) => service,
            Part::Placeholder(Placeholder::Method) => method,
            Part::Placeholder(Placeholder::Date) => date,
            Part::Placeholder(Placeholder::Time) => time,
            Part::Placeholder(Placeholder::Number) => n,
        };
        self.parts.iter().map(fill).collect()
    }
}

fn parts(text: &str) -> Result<Vec<Part>> {
    let known = Placeholder::ALL.map(|(word, _)| word);
    let unbalanced = |brace| {
        Failure::invalid(format!("`name` has a `{brace}` without its other half"))
            .with_hint(format!("placeholders: {{{}}}", known.join("}, {")))
    };
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(open) = rest.find(['{', '}']) {
        let (before, from) = rest.split_at(open);
        if from.starts_with('}') {
            return Err(unbalanced('}'));
        }
        let close = from.find('}').ok_or_else(|| unbalanced('{'))?;
        let word = &from[1..close];
        if word.contains('{') {
            return Err(unbalanced('{'));
        }
        let Some((_, placeholder)) = Placeholder::ALL.iter().find(|(known, _)| *known == word) else {
            let failure = Failure::invalid(format!("`name` has the unknown placeholder `{{{}}}`", word.escape_debug()));
            return Err(match nearest(word, known) {
                Some(word) => failure.with_hint(format!("did you mean `{{{word}}}`?")),
                None => failure.with_hint(format!("known: {{{}}}", known.join("}, {"))),
            });
        };
        if !before.is_empty() {
            parts.push(Part::Text(before.to_owned()));
        }
        parts.push(Part::Placeholder(*placeholder));
        rest = &from[close + 1..];
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.to_owned()));
    }
    Ok(parts)
}

macro_rules! as_text {
    ($name:ident) => {
        impl FromStr for $name {
            type Err = Failure;

            fn from_str(text: &str) -> Result<Self> {
                Self::parse(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = Failure;

            fn try_from(text: String) -> Result<Self> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.as_str().to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

as_text!(BackupName);
as_text!(NameTemplate);

#[cfg(test)]
mod tests {
    use super::*;

    fn template(text: &str) -> Result<NameTemplate, String> {
        text.parse().map_err(|failure: Failure| failure.to_string())
    }

    #[test]
    fn a_template_is_filled_by_the_clocks_of_its_zone() {
        let (service, method) = ("db1".parse().unwrap(), "full".parse().unwrap());
        let due = Timestamp::parse_rfc3339("2026-07-13T23:30:59.9Z").unwrap();
        let berlin = Zone::parse("Europe/Berlin").unwrap();
        let name = |text: &str, due| template(text).unwrap().render(&service, &method, due, &berlin, 42);
        assert_eq!(name("{service}: {method} of {date} {time}, #{n}{n}", due), "db1: full of 2026-07-14 01:30, #4242");
        assert_eq!(name(" nightly ", due), "nightly");
        assert_eq!(name("é{n}é", due), "é42é");
        for due in [i64::MIN, i64::MAX].map(Timestamp::from_micros) {
            assert!(name(&format!("{}{{date}}", "é".repeat(90)), due).chars().count() <= 100);
        }
    }

    #[test]
    fn a_template_makes_only_names_that_a_backup_may_have() {
        let wrong = "`name` must have at most 100 printable characters, without `/`, `(` and `)`";
        let known = "{service}, {method}, {date}, {time}, {n}";
        let half = |brace| format!("`name` has a `{brace}` without its other half; hint: placeholders: {known}");
        let unknown = |word, hint: &str| format!("`name` has the unknown placeholder `{{{word}}}`; hint: {hint}");
        for (text, message) in [
            (" ", "`name` is empty".to_owned()),
            ("{", half("{")),
            ("{service", half("{")),
            ("{{service}}", half("{")),
            ("a}", half("}")),
            ("{service}}", half("}")),
            ("{}", unknown("", &format!("known: {known}"))),
            ("a\u{1b}[2J", wrong.to_owned()),
            // Would turn round what a table shows after it.
            ("a\u{202e}b", wrong.to_owned()),
            ("{host}", unknown("host", &format!("known: {known}"))),
            ("{servise}", unknown("servise", "did you mean `{service}`?")),
            ("{Service}", unknown("Service", "did you mean `{service}`?")),
            ("{date}/{time}", wrong.to_owned()),
            ("{date} (nightly)", wrong.to_owned()),
            ("a\u{7}{date}", wrong.to_owned()),
            (&"é".repeat(101), wrong.to_owned()),
            (&format!("{}{{date}}", "é".repeat(91)), wrong.to_owned()),
        ] {
            assert_eq!(template(text), Err(message), "{text:?}");
        }
        let long = template(&format!("{}{{service}}{{n}}", "é".repeat(87))).unwrap();
        let (method, fits, is_longer) = ("full".parse().unwrap(), "db12".parse().unwrap(), "db123".parse().unwrap());
        assert_eq!(long.fits(&fits, &method), Ok(()));
        let failure = long.fits(&is_longer, &method).unwrap_err();
        assert_eq!(failure.message, wrong);
        assert!(failure.hint.unwrap().ends_with("db123999999999`"));
    }
}
