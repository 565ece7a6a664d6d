//! What the doctor found, as a table and as JSON.

use bulkhead_model::Failure;
use serde_json::{Value, json};

use crate::render::table;

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// As it should be.
    Good,
    /// Works, but somebody should look at it.
    Warning,
    /// Does not work.
    Problem,
}

struct Check {
    state: State,
    subject: String,
    finding: String,
    hint: Option<String>,
}

/// All checks, in the order they were made.
#[derive(Default)]
pub struct Report {
    checks: Vec<Check>,
}

impl Report {
    /// Adds a check.
    pub fn add(&mut self, state: State, subject: impl Into<String>, finding: impl Into<String>, hint: Option<String>) {
        self.checks.push(Check { state, subject: subject.into(), finding: finding.into(), hint });
    }

    /// Adds a check that found all well.
    pub fn good(&mut self, subject: impl Into<String>, finding: impl Into<String>) {
        self.add(State::Good, subject, finding, None);
    }

    /// Adds a check that found something to look at.
    pub fn warning(&mut self, subject: impl Into<String>, finding: impl Into<String>, hint: impl Into<String>) {
        self.add(State::Warning, subject, finding, Some(hint.into()));
    }

    /// Adds a check that found a problem.
    pub fn problem(&mut self, subject: impl Into<String>, finding: impl Into<String>, hint: impl Into<String>) {
        self.add(State::Problem, subject, finding, Some(hint.into()));
    }

    /// Adds a check that ended with a failure.
    pub fn failure(&mut self, subject: impl Into<String>, failure: Failure) {
        self.add(State::Problem, subject, failure.message, failure.hint);
    }

    /// How many problems there are.
    pub fn problems(&self) -> usize {
        self.checks.iter().filter(|check| check.state == State::Problem).count()
    }

    /// For people.
    pub fn to_text(&self) -> String {
        let mut rows = Vec::new();
        for check in &self.checks {
            let state = match check.state {
                State::Good => "ok",
                State::Warning => "warning",
                State::Problem => "PROBLEM",
            };
            rows.push(vec![format!("{state:<7}"), check.subject.clone(), check.finding.clone()]);
            if let Some(hint) = &check.hint {
                rows.push(vec![String::new(), String::new(), format!("hint: {hint}")]);
            }
        }
        table(&["STATE", "CHECK", "FINDING"], &rows, 80)
    }

    /// For programs.
    pub fn to_json(&self) -> Value {
        let checks: Vec<_> = self
            .checks
            .iter()
            .map(|check| {
                let state = match check.state {
                    State::Good => "ok",
                    State::Warning => "warning",
                    State::Problem => "problem",
                };
                json!({ "state": state, "check": check.subject, "finding": check.finding, "hint": check.hint })
            })
            .collect();
        json!({ "checks": checks, "problems": self.problems() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_a_table_with_hints() {
        let mut report = Report::default();
        report.good("catalog", "answers");
        report.failure("service db1", Failure::unavailable("nobody answers at 127.0.0.1:3306").with_hint("start it"));
        assert_eq!(
            report.to_text(),
            "STATE    CHECK        FINDING\n\
             --------------------------------------------------------------------------------\n\
             ok       catalog      answers\n\
             PROBLEM  service db1  nobody answers at 127.0.0.1:3306\n\
             \x20                     hint: start it"
        );
        assert_eq!((report.problems(), report.to_json()["problems"].as_u64()), (1, Some(1)));
    }
}
