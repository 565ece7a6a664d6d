//! The local time of a machine, known by its offsets from UTC alone: a server does not reliably name its zone.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Where the offsets end that a server can state: 2038-01-19, the end of SQL's type TIMESTAMP.
const END: i64 = i32::MAX as i64;
/// More than any zone has until then.
const CHANGES_MAX: usize = 1000;
/// Seconds; all zones of history are well inside.
const OFFSET_MAX: i32 = 26 * 3600;
/// As in RFC 8536: a local time type is named by one byte.
const KINDS_MAX: usize = 256;

/// Offsets from UTC since 1970, with the second from which each holds.
///
/// As text: the name of a zone of the IANA database that has exactly these offsets, or the offsets themselves,
/// `0:3600,228877200:7200` (seconds since 1970, seconds east of UTC).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalTime(Vec<(i64, i32)>);

impl LocalTime {
    /// From the offsets that hold since these seconds after 1970, the first since 0, in order.
    ///
    /// # Errors
    /// A sentence, for offsets that no clock has.
    pub fn new(mut offsets: Vec<(i64, i32)>) -> Result<Self, String> {
        offsets.dedup_by_key(|(_, offset)| *offset);
        let in_order = offsets.windows(2).all(|pair| pair[0].0 < pair[1].0);
        let possible = |(since, offset): &(i64, i32)| (0..=END).contains(since) && offset.abs() <= OFFSET_MAX;
        if offsets.first().is_none_or(|(since, _)| *since != 0) || !in_order || !offsets.iter().all(possible) {
            return Err("these are not the offsets of a local time since 1970".to_owned());
        }
        let this = Self(offsets);
        if this.0.len() > CHANGES_MAX || this.kinds().len() > KINDS_MAX {
            return Err("a local time does not change so often".to_owned());
        }
        Ok(this)
    }

    /// UTC.
    pub fn utc() -> Self {
        Self(vec![(0, 0)])
    }

    /// Of a zone of the IANA database.
    fn of(zone: &TimeZone) -> Option<Self> {
        let begin = Timestamp::UNIX_EPOCH;
        let mut offsets = vec![(0, zone.to_offset(begin).seconds())];
        for change in zone.following(begin) {
            let since = change.timestamp().as_second();
            if since > END || offsets.len() > CHANGES_MAX {
                break;
            }
            offsets.push((since, change.offset().seconds()));
        }
        Self::new(offsets).ok()
    }

    /// A zone of the IANA database that has these offsets; of several the one whose name people know best.
    pub fn name(&self) -> Option<String> {
        if *self == Self::utc() {
            return Some("UTC".to_owned());
        }
        let begins = |zone: &TimeZone| {
            self.0.first().is_some_and(|(_, first)| zone.to_offset(Timestamp::UNIX_EPOCH).seconds() == *first)
        };
        let names = jiff::tz::db().available().map(|name| name.to_string()).filter(|name| {
            TimeZone::get(name).is_ok_and(|zone| begins(&zone) && Self::of(&zone).as_ref() == Some(self))
        });
        // `Europe/Berlin` before `Arctic/Longyearbyen` and `CET`.
        let known = |name: &String| {
            let usual = ["Europe/", "America/", "Asia/", "Australia/", "Africa/", "Pacific/"];
            let area = usual.iter().position(|area| name.starts_with(area)).unwrap_or(usual.len());
            (area, name.matches('/').count(), !CAPITALS.contains(&name.as_str()), name.clone())
        };
        names.min_by_key(known)
    }

    /// The same as a file of RFC 8536 (TZif), for `TZ=:/path` of a program.
    pub fn tzif(&self) -> Vec<u8> {
        const DESIGNATION: &[u8] = b"LOC\0";
        let kinds = self.kinds();
        let header = |version: u8, changes: u32, kinds: u32| {
            let mut header = b"TZif".to_vec();
            header.push(version);
            header.extend([0; 15]);
            // Indicators of UT and standard time, leap seconds, changes, kinds, bytes of designations.
            for count in [0, 0, 0, changes, kinds, DESIGNATION.len() as u32] {
                header.extend(count.to_be_bytes());
            }
            header
        };
        let kind = |offset: i32| {
            let mut kind = offset.to_be_bytes().to_vec();
            // No daylight saving time, and the only designation.
            kind.extend([0, 0]);
            kind
        };
        let changes = &self.0[1..];
        // Programs from before 64-bit times find UTC.
        let mut file = header(b'2', 0, 1);
        file.extend(kind(0));
        file.extend(DESIGNATION);
        file.extend(header(b'2', u32::try_from(changes.len()).unwrap_or(0), u32::try_from(kinds.len()).unwrap_or(0)));
        file.extend(changes.iter().flat_map(|(since, _)| since.to_be_bytes()));
        file.extend(
            changes.iter().map(|(_, offset)| {
                u8::try_from(kinds.iter().position(|kind| kind == offset).unwrap_or(0)).unwrap_or(0)
            }),
        );
        file.extend(kinds.iter().flat_map(|offset| kind(*offset)));
        file.extend(DESIGNATION);
        file.extend(b"\n\n");
        file
    }

    /// The offset, in seconds east of UTC, at a second since 1970.
    pub fn offset_at(&self, second: i64) -> i32 {
        let after = self.0.partition_point(|(since, _)| *since <= second);
        self.0.get(after.saturating_sub(1)).map_or(0, |(_, offset)| *offset)
    }

    /// Different offsets, the first one first.
    fn kinds(&self) -> Vec<i32> {
        let mut kinds = Vec::new();
        for (_, offset) in &self.0 {
            if !kinds.contains(offset) {
                kinds.push(*offset);
            }
        }
        kinds
    }
}

/// Of the zones that have the same offsets since 1970, those that most servers are set to.
const CAPITALS: [&str; 8] = [
    "Europe/Berlin",
    "Europe/Paris",
    "Europe/London",
    "America/New_York",
    "America/Chicago",
    "America/Los_Angeles",
    "Asia/Kolkata",
    "Asia/Shanghai",
];

impl fmt::Display for LocalTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = self.name() {
            return f.write_str(&name);
        }
        for (at, (since, offset)) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_char(',')?;
            }
            write!(f, "{since}:{offset}")?;
        }
        Ok(())
    }
}

impl FromStr for LocalTime {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unknown = || {
            format!(
                "`{}` is not a local time that this host knows",
                text.chars().take(40).collect::<String>().escape_debug()
            )
        };
        if !text.starts_with("0:") {
            if text == "UTC" {
                return Ok(Self::utc());
            }
            return TimeZone::get(text).ok().and_then(|zone| Self::of(&zone)).ok_or_else(unknown);
        }
        let pairs = text.split(',').take(CHANGES_MAX + 1).map(|pair| {
            let (since, offset) = pair.split_once(':')?;
            Some((since.parse().ok()?, offset.parse().ok()?))
        });
        Self::new(pairs.collect::<Option<_>>().ok_or_else(unknown)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_found_by_its_offsets() {
        for name in ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Apia", "UTC"] {
            let zone: LocalTime = name.parse().unwrap();
            assert_eq!(zone.to_string(), name);
        }
        // One of several names.
        let zone: LocalTime = "Australia/Lord_Howe".parse().unwrap();
        assert_eq!(zone.to_string().parse(), Ok(zone));
    }

    #[test]
    fn a_zone_without_a_name_keeps_its_offsets() {
        // Half an hour to the west of UTC, and daylight saving time once.
        let text = "0:-1800,1000:1800,2000:-1800";
        let zone: LocalTime = text.parse().unwrap();
        assert_eq!((zone.name(), zone.to_string().as_str()), (None, text));
        assert_eq!(
            [0, 999, 1000, 1999, 2000, 3000].map(|at| zone.offset_at(at)),
            [-1800, -1800, 1800, 1800, -1800, -1800]
        );
    }

    #[test]
    fn the_file_says_what_the_offsets_say() {
        for name in ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Apia", "UTC"] {
            let zone: LocalTime = name.parse().unwrap();
            let read = TimeZone::tzif(name, &zone.tzif()).unwrap();
            let real = TimeZone::get(name).unwrap();
            for second in (0..END).step_by(1_234_567) {
                let at = Timestamp::from_second(second).unwrap();
                assert_eq!(read.to_offset(at), real.to_offset(at), "{name} at {at}");
            }
        }
    }

    #[test]
    fn a_strangers_text_is_not_a_local_time() {
        for bad in [
            "",
            "0",
            "0:",
            "1:0",
            "0:0,0:3600",
            "0:0,5:3600,4:0",
            "0:999999",
            "0:0,-5:1",
            "../../etc/passwd",
            "0:0,99999999999:1",
        ] {
            assert!(bad.parse::<LocalTime>().is_err(), "{bad}");
        }
        let often: Vec<String> = (0..1_000_000).map(|at| format!("{at}:{}", at % 2)).collect();
        assert!(often.join(",").parse::<LocalTime>().is_err());
    }
}
