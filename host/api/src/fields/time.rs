//! Instants that callers write.

use bulkhead_model::{Failure, Result, Timestamp};

use super::Fields;

/// 1970 to 9999: what every part of the host can hold and write.
const YEARS: std::ops::Range<i64> = 0..253_402_300_800_000_000;

impl Fields {
    /// An instant: `2024-03-26T17:18:21Z`, or `2024-03-26 17:18:21`, as SkySQL writes it, in UTC; with fractions in both.
    ///
    /// # Errors
    /// `invalid`.
    pub fn time(&self, name: &str) -> Result<Option<Timestamp>> {
        self.read(name, parse)
    }
}

fn parse(text: &str) -> Result<Timestamp> {
    let sql = || {
        // With a zone of its own it is no time with `Z` behind.
        let (date, time) = text.split_once(' ').filter(|(date, _)| date.len() == 10)?;
        Timestamp::parse_rfc3339(&format!("{date}T{time}Z"))
    };
    let instant = Timestamp::parse_rfc3339(text).or_else(sql).ok_or_else(|| {
        Failure::invalid(format!("`{}` is no time", text.escape_debug()))
            .with_hint("write e.g. `2024-03-26T17:18:21Z` or `2024-03-26 17:18:21` (UTC)")
    })?;
    match YEARS.contains(&instant.as_micros()) {
        true => Ok(instant),
        false => Err(Failure::invalid(format!("`{text}` lies outside the years 1970 to 9999"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_both_forms_and_no_other() {
        let noon = parse("2024-03-26T12:00:00Z").unwrap();
        assert_eq!((parse("2024-03-26 12:00:00"), parse("2024-03-26T13:00:00+01:00")), (Ok(noon), Ok(noon)));
        let later = parse("2024-03-26T12:00:00.878800Z").unwrap();
        assert_eq!((parse("2024-03-26 12:00:00.878800"), later > noon), (Ok(later), true));
        for bad in ["2024-03-26 12:00:00.", "2024-03-26 12:00:00.5 5", "2024-03-26 12:00.5", "2024-03-26 9:00:00"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        for bad in ["2024-03-26", "12:00", "2024-02-30 12:00:00", "2024-03-26 12:00", "1969-12-31T00:00:00Z", "now"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
