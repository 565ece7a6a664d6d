//! Stamps: seconds since 1970, and as RFC 3339.

/// An event's stamp as text, `2026-11-21T12:30:50Z`.
pub fn text(seconds: u32) -> String {
    let days = i64::from(seconds / 86_400);
    let (year, month, day) = date(days);
    let second = seconds % 86_400;
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60)
}

/// The whole seconds of an RFC 3339 time, or `None` for what is none, or lies outside of what events can be stamped with.
pub fn seconds(text: &str) -> Option<u32> {
    let bytes = text.as_bytes();
    let number = |from: usize, to: usize| -> Option<i64> {
        let digits = text.get(from..to)?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
    };
    let separated = [(4, b'-'), (7, b'-'), (13, b':'), (16, b':')].iter().all(|(at, c)| bytes.get(*at) == Some(c));
    if !separated || !matches!(bytes.get(10), Some(b'T' | b't' | b' ')) {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let mut rest = text.get(19..)?;
    if let Some(fraction) = rest.strip_prefix('.') {
        let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
        rest = fraction.get(digits..).filter(|_| digits > 0)?;
    }
    let offset = match rest.as_bytes() {
        [b'Z' | b'z'] => 0,
        [sign @ (b'+' | b'-'), _, _, b':', _, _] => {
            let from = text.len() - 5;
            let minutes = number(from, from + 2)? * 60 + number(from + 3, from + 5)?;
            if *sign == b'-' { -minutes } else { minutes }
        }
        _ => return None,
    };
    u32::try_from(days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset * 60).ok()
}

/// Days since 1970 of a date, after <https://howardhinnant.github.io/date_algorithms.html>.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Year, month and day; the inverse.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::{seconds, text};

    #[test]
    fn times_are_read_and_written() {
        for (stamp, written) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_795_264_250, "2026-11-21T12:30:50Z"),
            (u32::MAX, "2106-02-07T06:28:15Z"),
        ] {
            assert_eq!(text(stamp), written);
            assert_eq!(seconds(written), Some(stamp));
        }
        assert_eq!(seconds("2026-11-21 12:30:50.999999Z"), Some(1_795_264_250));
        assert_eq!(seconds("2026-11-21T14:30:50.5+02:00"), Some(1_795_264_250));
        for wrong in [
            "",
            "2026-11-21",
            "2026-11-21T12:30:50",
            "2026-13-21T12:30:50Z",
            "1969-12-31T23:59:59Z",
            "2026-11-21T12:30:50.Z",
        ] {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
    }
}
