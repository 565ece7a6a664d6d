//! What people read: sizes, states, tables.

use bulkhead_model::Timestamp;
use serde_json::Value;

use crate::paint::{Colour, Stream, harmless, paint, width};

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

/// `12.4 MB`: always in megabytes, as Sp00ky's list has it. What is there at all is never shown as nothing.
pub fn megabytes(bytes: u64) -> String {
    let value = bytes as f64 / 1e6;
    format!("{:.1} MB", if bytes > 0 { value.max(0.1) } else { value })
}

/// The text in the colour that goes with a state.
pub fn in_colour_of(state: &str, text: &str) -> String {
    let colour = match state {
        "Succeeded" => Colour::Good,
        "Failed" => Colour::Bad,
        "Scheduled" | "Running" => Colour::Careful,
        _ => return text.to_owned(),
    };
    paint(text, colour, Stream::Out)
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
            let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| width(cell));
            cells.chain([header[column].chars().count()]).max().unwrap_or(0)
        })
        .collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded =
            cells.zip(&widths).map(|(cell, most)| format!("{cell}{}", " ".repeat(most.saturating_sub(width(cell)))));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
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

/// Prints lines; a reader that has gone away (`| head`) is no error. Nothing in them can do anything to a terminal.
pub fn print(text: &str) {
    use std::io::Write;
    let _gone = writeln!(std::io::stdout(), "{}", harmless(text));
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
        for (bytes, text) in [(0, "0.0 MB"), (1, "0.1 MB"), (12_400_000, "12.4 MB"), (20_000_000_000, "20000.0 MB")] {
            assert_eq!(megabytes(bytes), text);
        }
    }

    #[test]
    fn cells_of_any_colour_line_up() {
        let rows = [vec!["\x1b[32mgood\x1b[0m".to_owned(), "1".to_owned()], vec!["longer".to_owned(), "2".to_owned()]];
        assert_eq!(table(&["A", "B"], &rows, 9), "A       B\n---------\n\x1b[32mgood\x1b[0m    1\nlonger  2");
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
