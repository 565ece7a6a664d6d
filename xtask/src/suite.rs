//! `cargo xtask test`: everything, against real servers.

use bulkhead_test_support::Result;
use clap::Args;

use crate::cargo::{Workspace, cargo, succeed};
use crate::nextest::{self, Nextest};
use crate::stage::Stages;
use crate::{install, lint, plugins, servers};

/// What to run.
#[derive(Args)]
pub struct Arguments {
    /// Formatting, clippy and documentation first, as in CI
    #[arg(long)]
    lint: bool,
    /// Only the tests of this package; may be given more than once
    #[arg(short, long)]
    package: Vec<String>,
    /// Passed on to `cargo nextest run`: words in the names of tests, `-E 'FILTER'`, `--no-capture`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    nextest: Vec<String>,
}

/// Installs, builds, tests; true when all tests pass.
pub fn run(arguments: &Arguments) -> Result<bool> {
    let mut stages = Stages::begin(!nextest::ran_before(&Workspace::load()?.target));
    let passed = tested(arguments, &mut stages);
    stages.close(passed)
}

fn tested(arguments: &Arguments, stages: &mut Stages) -> Result<bool> {
    nextest::forget()?;
    stages.run("packages", install::ensure_prebuilt)?;
    // Servers that have to be compiled are compiled beside everything else; the tests that need them are the last.
    let servers = servers::compile()?;
    if arguments.lint {
        lint::run(stages)?;
    }
    let tests = Nextest { packages: arguments.package.clone(), arguments: arguments.nextest.clone() };
    stages.run("build", || plugins::beside(plugins::build, || tests.build()))?;
    let passed = stages.run("tests", || tests.run())?;
    if !arguments.package.is_empty() || !arguments.nextest.is_empty() {
        // A test that needs the servers has waited for them; without one, what is half compiled is kept for the next time.
        return Ok(passed);
    }
    if let Some(servers) = servers {
        servers.wait()?;
    }
    stages.run("examples in documentation", || {
        succeed(cargo(&["test", "--locked", "--quiet", "--doc"]).args(Workspace::load()?.native()))
    })?;
    Ok(passed)
}
