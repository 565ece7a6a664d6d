//! The report of a test run in JUnit's format, as cargo-nextest writes it.

use std::time::Duration;

use bulkhead_test_support::{Problem, Result};
use serde::Deserialize;

/// A test that was run.
#[derive(Debug, PartialEq)]
pub struct Case {
    /// The test binary, as cargo-nextest names it: `package::binary`.
    pub binary: String,
    /// The test's path in it.
    pub name: String,
    /// How long it ran.
    pub took: Duration,
    /// Whether it failed.
    pub failed: bool,
}

#[derive(Deserialize)]
struct Suites {
    #[serde(rename = "testsuite", default)]
    suites: Vec<Suite>,
}

#[derive(Deserialize)]
struct Suite {
    #[serde(rename = "testcase", default)]
    cases: Vec<Element>,
}

#[derive(Deserialize)]
struct Element {
    #[serde(rename = "@name")]
    name: String,
    #[serde(rename = "@classname")]
    binary: String,
    #[serde(rename = "@time")]
    seconds: f64,
    failure: Option<serde::de::IgnoredAny>,
    error: Option<serde::de::IgnoredAny>,
}

/// Reads a report.
pub fn cases(report: &str) -> Result<Vec<Case>> {
    let read: Suites = quick_xml::de::from_str(report)
        .map_err(|error| Problem::new(format!("the report of the test run cannot be read: {error}")))?;
    let elements = read.suites.into_iter().flat_map(|suite| suite.cases);
    Ok(elements
        .map(|element| Case {
            took: Duration::try_from_secs_f64(element.seconds).unwrap_or_default(),
            failed: element.failure.is_some() || element.error.is_some(),
            binary: element.binary,
            name: element.name,
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_test_is_told_from_one_that_passed() {
        let report = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="nextest-run" tests="2" failures="1" errors="0" time="3.5">
    <testsuite name="bulkhead-tests::integration" tests="2" disabled="0" errors="0" failures="1">
        <testcase name="copies::a" classname="bulkhead-tests::integration" timestamp="2026-11-30T15:00:00+00:00" time="1.500">
            <failure type="test failure">panicked at &apos;left&apos;</failure>
            <system-out>lines</system-out>
        </testcase>
        <testcase name="copies::b" classname="bulkhead-tests::integration" timestamp="2026-11-30T15:00:00+00:00" time="2.000">
        </testcase>
    </testsuite>
</testsuites>"#;
        let case = |name: &str, millis, failed| Case {
            binary: "bulkhead-tests::integration".to_owned(),
            name: name.to_owned(),
            took: Duration::from_millis(millis),
            failed,
        };
        assert_eq!(cases(report).unwrap(), [case("copies::a", 1500, true), case("copies::b", 2000, false)]);
    }
}
