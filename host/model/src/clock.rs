//! Time as a parameter.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// An instant in microseconds since 1970-01-01T00:00:00Z. Serialized as RFC 3339.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From microseconds since 1970, UTC, as the catalog keeps them.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since 1970, UTC.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Parses RFC 3339, e.g. `2024-03-26T17:18:57Z`; a fraction finer than microseconds is cut off.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        if !has_rfc3339_shape(text) {
            return None;
        }
        let instant: jiff::Timestamp = text.parse().ok()?;
        i64::try_from(instant.as_nanosecond().div_euclid(1_000)).ok().map(Self)
    }

    /// The whole second that it lies in.
    pub const fn second(self) -> Self {
        Self(self.0.div_euclid(1_000_000).saturating_mul(1_000_000))
    }

    /// `2024-03-26T17:18:57Z`: whole seconds, as the API answers.
    pub fn to_seconds_string(self) -> String {
        self.second().to_string()
    }

    /// `2024-03-26 17:18:57`: SkySQL's form of a point in time.
    pub fn to_sql_string(self) -> String {
        self.to_seconds_string().replace('T', " ").replace('Z', "")
    }

    /// This instant plus `duration`, saturating.
    pub fn plus(self, duration: Duration) -> Self {
        let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(micros))
    }

    /// This instant minus `duration`, saturating.
    pub fn minus(self, duration: Duration) -> Self {
        let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        Self(self.0.saturating_sub(micros))
    }

    /// The time from `earlier` to this instant; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            // RFC 3339 has no years before 0.
            Ok(instant) if self.0 >= YEAR_ZERO => write!(f, "{instant}"),
            _ => write!(f, "{}us", self.0),
        }
    }
}

/// 0000-01-01T00:00:00Z in microseconds.
const YEAR_ZERO: i64 = -62_167_219_200_000_000;

/// Whether the text has RFC 3339's letters in RFC 3339's places: the parser takes more of ISO 8601 than that.
fn has_rfc3339_shape(text: &str) -> bool {
    let (date_and_time, offset) = match text.split_once('.') {
        Some((date_and_time, rest)) => {
            let offset = rest.trim_start_matches(|letter: char| letter.is_ascii_digit());
            (date_and_time, if offset.len() < rest.len() { offset } else { "" })
        }
        None => text.split_at_checked("2024-03-26T17:18:57".len()).unwrap_or_default(),
    };
    is_like(date_and_time, "0000-00-00T00:00:00") && (is_like(offset, "Z") || is_like(offset, "+00:00"))
}

/// `0` stands for a digit, `+` for a sign, a letter for itself in either case.
fn is_like(text: &str, pattern: &str) -> bool {
    let matches = |(byte, wanted): (u8, u8)| match wanted {
        b'0' => byte.is_ascii_digit(),
        b'+' => matches!(byte, b'+' | b'-'),
        _ => byte.eq_ignore_ascii_case(&wanted),
    };
    text.len() == pattern.len() && text.bytes().zip(pattern.bytes()).all(matches)
}

impl Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse_rfc3339(&text).ok_or_else(|| serde::de::Error::custom("expected an RFC 3339 time"))
    }
}

/// Where the time comes from.
pub trait Clock: Send + Sync + 'static {
    /// The present instant.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one home of the system clock")]
    fn now(&self) -> Timestamp {
        let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Timestamp(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
    }
}

/// A clock that moves when told to.
#[derive(Debug)]
pub struct TestClock(AtomicI64);

impl TestClock {
    /// A clock that stands at `start`.
    pub const fn new(start: Timestamp) -> Self {
        Self(AtomicI64::new(start.0))
    }

    /// Moves the clock forward.
    pub fn advance(&self, duration: Duration) {
        let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        self.0.fetch_add(micros, Ordering::SeqCst);
    }

    /// Moves the clock back, as a person or a time server does.
    pub fn set_back(&self, duration: Duration) {
        let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        self.0.fetch_sub(micros, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_the_api_and_skysql_write_them() {
        let instant = Timestamp::parse_rfc3339("2024-03-26T17:18:57.25Z").unwrap();
        assert_eq!(instant.to_seconds_string(), "2024-03-26T17:18:57Z");
        assert_eq!(instant.to_sql_string(), "2024-03-26 17:18:57");
        assert_eq!(Timestamp::parse_rfc3339(&instant.to_string()), Some(instant));
        assert_eq!(instant.to_string(), "2024-03-26T17:18:57.25Z");
    }

    #[test]
    fn only_rfc_3339_is_a_time() {
        for good in ["2024-03-26T17:18:57Z", "2024-03-26t19:18:57.0+02:00", "2024-03-26T15:48:57.0000009-01:30"] {
            let instant = Timestamp::parse_rfc3339(good).map(Timestamp::to_seconds_string);
            assert_eq!(instant.as_deref(), Some("2024-03-26T17:18:57Z"), "{good}");
        }
        for bad in [
            "",
            "2024-03-26",
            "2024-03-26T17:18:57",
            "2024-03-26 17:18:57Z",
            "2024-03-26T17:18Z",
            "2024-03-26T17:18:57.Z",
            "2024-03-26T17:18:57+02",
            "2024-03-26T17:18:57Z[UTC]",
            "20240326T171857Z",
            "2024-02-30T17:18:57Z",
            "2024-03-26T24:18:57Z",
            "-002024-03-26T17:18:57Z",
            "２024-03-26T17:18:5",
        ] {
            assert_eq!(Timestamp::parse_rfc3339(bad), None, "{bad}");
        }
        assert_eq!(Timestamp::from_micros(YEAR_ZERO).to_string(), "0000-01-01T00:00:00Z");
        assert_eq!(Timestamp::from_micros(YEAR_ZERO - 1).to_string(), "-62167219200000001us");
        assert_eq!(Timestamp::from_micros(i64::MAX).to_string(), "9223372036854775807us");
    }
}
