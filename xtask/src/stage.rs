//! The stages of a command: how long each took, and whether that is more than the repository allows.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use bulkhead_test_support::{Problem, Result, workspace};
use serde::Deserialize;

use crate::nextest;
use crate::terminal::{bold, note, red, seconds, step};

/// Where the budgets are.
const BUDGETS: &str = ".ci/budgets.toml";

/// The stages that have run, in their order.
pub struct Stages {
    began: Instant,
    cold: bool,
    done: Vec<(&'static str, Duration)>,
}

/// Seconds that each stage may take: with everything compiled that the change did not touch, and with nothing compiled.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Budgets {
    warm: BTreeMap<String, u64>,
    cold: BTreeMap<String, u64>,
}

impl Stages {
    /// `cold` says that the dependencies have to be compiled first.
    pub fn begin(cold: bool) -> Self {
        Self { began: Instant::now(), cold, done: Vec::new() }
    }

    /// Runs one stage under its title.
    pub fn run<T>(&mut self, title: &'static str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        step(title);
        let started = Instant::now();
        let ended = work();
        self.done.push((title, started.elapsed()));
        ended
    }

    /// Shows the tests, then the stages, then the counts, and gives back how the run ended. A run that failed ends with its own failure,
    /// whatever these have to say.
    pub fn close(&self, passed: Result<bool>) -> Result<bool> {
        let shown = nextest::report().and_then(|counts| self.report().map(|()| println!("{counts}")));
        let passed = passed?;
        shown.map(|()| passed)
    }

    /// Shows what each stage took, and a loud line for each that took longer than its budget.
    pub fn report(&self) -> Result<()> {
        let budgets = Budgets::read()?;
        let (budgets, state) = if self.cold { (budgets.cold, "cold") } else { (budgets.warm, "warm") };
        step(&format!("Stages ({state})"));
        let total = self.began.elapsed();
        let mut loud = Vec::new();
        for (title, took) in self.done.iter().copied().chain([("in all", total)]) {
            let budget = budgets.get(title).copied().map(Duration::from_secs);
            let allowed = budget.map_or_else(|| "no budget".to_owned(), |budget| format!("of {}", seconds(budget)));
            note(&format!("{:>13}  {title} ({allowed})", seconds(took)));
            if budget.is_some_and(|budget| took > budget) {
                loud.push(format!("OVER BUDGET: {title} took {} {allowed} ({BUDGETS})", seconds(took)));
            }
        }
        for line in loud {
            println!("{}", bold(&red(&line)));
        }
        Ok(())
    }
}

impl Budgets {
    fn read() -> Result<Self> {
        let text = fs::read_to_string(workspace::root().join(BUDGETS))
            .map_err(|error| Problem::new(format!("{BUDGETS}: {error}")))?;
        toml::from_str(&text).map_err(|error| Problem::new(format!("{BUDGETS}: {error}")))
    }
}
