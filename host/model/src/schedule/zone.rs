//! Time zones by their IANA names.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp as Instant;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::{Failure, Result, Timestamp, nearest};

/// A time zone of the IANA database that is compiled in: the same on every host. UTC unless said otherwise.
#[derive(Clone, PartialEq, Eq)]
pub struct Zone(TimeZone);

impl Zone {
    /// Coordinated universal time.
    pub const UTC: Self = Self(TimeZone::UTC);

    /// Reads an IANA name such as `Europe/Berlin`, exactly as the database writes it.
    ///
    /// # Errors
    /// `invalid`, naming the nearest zone.
    pub fn parse(name: &str) -> Result<Self> {
        if let Ok(zone) = TimeZone::get(name)
            && zone.iana_name() == Some(name)
            && !zone.is_unknown()
        {
            return Ok(Self(zone));
        }
        let failure = Failure::invalid(format!("`{}` is no time zone", name.escape_debug()));
        let known: Vec<_> = jiff::tz::db().available().map(|name| name.to_string()).collect();
        Err(match nearest(name, known.iter().map(String::as_str)) {
            Some(zone) => failure.with_hint(format!("did you mean `{zone}`?")),
            None => failure.with_hint("use a name of the IANA database, e.g. `Europe/Berlin`"),
        })
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// The date and the minute that clocks in this zone show: `2026-07-14`, `02:30`.
    pub(super) fn date_and_time(&self, at: Timestamp) -> (String, String) {
        let local = self.local(at);
        let (date, hour, minute) = (local.date(), local.hour(), local.minute());
        (date.to_string(), format!("{hour:02}:{minute:02}"))
    }

    /// What clocks in this zone show; instants outside the years that jiff knows are taken for its first or last.
    pub(crate) fn local(&self, at: Timestamp) -> DateTime {
        let nearest = if at.as_micros() < 0 { Instant::MIN } else { Instant::MAX };
        self.0.to_datetime(Instant::from_microsecond(at.as_micros()).unwrap_or(nearest))
    }

    pub(super) fn tz(&self) -> &TimeZone {
        &self.0
    }
}

impl Default for Zone {
    fn default() -> Self {
        Self::UTC
    }
}

impl FromStr for Zone {
    type Err = Failure;

    fn from_str(name: &str) -> Result<Self> {
        Self::parse(name)
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Zone").field(&self.as_str()).finish()
    }
}

impl Serialize for Zone {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_known_by_their_exact_names() {
        for name in jiff::tz::db().available().map(|name| name.to_string()) {
            assert_eq!(name.parse::<Zone>().unwrap().as_str(), name);
        }
        let any = "use a name of the IANA database, e.g. `Europe/Berlin`";
        for (name, hint) in [
            ("", any),
            ("utc", "did you mean `UTC`?"),
            ("europe/berlin", "did you mean `Europe/Berlin`?"),
            ("Europe/Berln", "did you mean `Europe/Berlin`?"),
            ("CEST", "did you mean `CET`?"),
            ("+02:00", any),
            ("Etc/Unknown", "did you mean `Etc/UTC`?"),
            ("../etc/passwd", any),
            ("\u{1b}", any),
        ] {
            let refused = name.parse::<Zone>().unwrap_err();
            assert_eq!(refused.to_string(), format!("`{}` is no time zone; hint: {hint}", name.escape_debug()));
        }
    }

    #[test]
    fn the_default_zone_is_utc() {
        assert_eq!(Zone::default(), "UTC".parse().unwrap());
        assert_eq!(serde_json::to_string(&Zone::UTC).unwrap(), "\"UTC\"");
    }
}
