//! What people read: sizes, states, tables.

use bulkhead_model::Timestamp;
use serde_json::Value;

/// `12.4 MB`, in powers of 1000.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KB", "MB", "GB", "TB", "PB"];
    if bytes < 1_000 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64;
    let mut unit = "B";
    for next in UNITS {
        // 999.95 would be shown as 1000.0.
        if value < 999.95 {
            break;
        }
        value /= 1_000.0;
        unit = next;
    }
    format!("{value:.1} {unit}")
}

/// SkySQL's word of the API as Sp00ky's word of the command line.
pub fn status(word: &str) -> String {
    match word {
        "Scheduled" => "pending".to_owned(),
        "Running" => "in_progress".to_owned(),
        "Succeeded" => "completed".to_owned(),
        other => other.to_lowercase(),
    }
}

/// `2026-04-08T10:00:00Z` as `2026-04-08T10:00:00`.
pub fn time(text: &str) -> &str {
    text.trim_end_matches('Z')
}

/// How long ago something was: `5 min ago`, `3 h ago`, `12 days ago`. Empty when the text is no time.
pub fn ago(text: &str, now: Timestamp) -> String {
    let Some(then) = Timestamp::parse_rfc3339(text) else { return String::new() };
    let minutes = now.since(then).as_secs() / 60;
    match minutes {
        0 => "just now".to_owned(),
        1..120 => format!("{minutes} min ago"),
        120..2_880 => format!("{} h ago", minutes / 60),
        _ => format!("{} days ago", minutes / 1_440),
    }
}

/// A table with aligned columns, a rule of `rule` dashes under the header, and no blanks at the ends of lines.
pub fn table(header: &[&str], rows: &[Vec<String>], rule: usize) -> String {
    let widths: Vec<usize> = (0..header.len())
        .map(|column| {
            let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
            cells.chain([header[column].chars().count()]).max().unwrap_or(0)
        })
        .collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded: Vec<_> = cells.zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        padded.join("  ").trim_end().to_owned()
    };
    let mut lines = vec![line(&mut header.iter().copied()), "-".repeat(rule)];
    lines.extend(rows.iter().map(|row| line(&mut row.iter().map(String::as_str))));
    lines.join("\n")
}

/// Names and values under each other; nulls and empty texts are left out.
pub fn fields(pairs: &[(&str, String)]) -> String {
    let shown: Vec<_> = pairs.iter().filter(|(_, value)| !value.is_empty()).collect();
    let width = shown.iter().map(|(name, _)| name.len()).max().unwrap_or(0) + 1;
    let lines: Vec<_> = shown.iter().map(|(name, value)| format!("{:<width$} {value}", format!("{name}:"))).collect();
    lines.join("\n")
}

/// Text of a field of an answer; empty when it is absent.
pub fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// A number of an answer; zero when it is absent.
pub fn number(value: &Value, field: &str) -> u64 {
    value.get(field).and_then(Value::as_u64).unwrap_or_default()
}

/// A flag of an answer; false when it is absent.
pub fn flag(value: &Value, field: &str) -> bool {
    value.get(field).and_then(Value::as_bool).unwrap_or_default()
}

/// The services that something is narrowed to.
pub fn services(value: &Value) -> String {
    match value.get("services").and_then(Value::as_array) {
        Some(ids) => ids.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "),
        None => "all services".to_owned(),
    }
}

/// The list in an answer.
pub fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Prints a line; a reader that has gone away (`| head`) is no error.
pub fn print(text: &str) {
    use std::io::Write;
    let _gone = writeln!(std::io::stdout(), "{text}");
}

/// Prints an answer as it is, for `--json`.
pub fn print_json(value: &Value) {
    print(&serde_json::to_string_pretty(value).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_as_people_write_them() {
        let table = [(0, "0 B"), (999, "999 B"), (1_000, "1.0 KB"), (12_400_000, "12.4 MB"), (999_960_000, "1.0 GB")];
        for (bytes, text) in table {
            assert_eq!(size(bytes), text);
        }
        assert_eq!(size(u64::MAX), "18446.7 PB");
    }

    #[test]
    fn ages_are_told_in_the_unit_that_fits() {
        let now = Timestamp::parse_rfc3339("2024-03-26T12:00:00Z").unwrap();
        for (then, said) in [
            ("2024-03-26T11:59:30Z", "just now"),
            ("2024-03-26T11:55:00Z", "5 min ago"),
            ("2024-03-26T09:00:00Z", "3 h ago"),
            ("2024-03-14T09:00:00Z", "12 days ago"),
            // By another host's clock.
            ("2024-03-26T12:00:30Z", "just now"),
            ("yesterday", ""),
        ] {
            assert_eq!(ago(then, now), said, "{then}");
        }
    }
}
