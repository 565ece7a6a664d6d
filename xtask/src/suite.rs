//! `cargo xtask test`: everything, against real servers.

use bulkhead_test_support::{Result, workspace as place};
use clap::Args;

use crate::cargo::{Workspace, cargo, succeed};
use crate::terminal::step;
use crate::{install, plugins};

/// What to run.
#[derive(Args)]
pub struct Arguments {
    /// Passed on to `cargo test`, e.g. `-p bulkhead-tests dump -- --nocapture`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    cargo: Vec<String>,
}

/// Installs, builds, tests.
pub fn run(arguments: &Arguments) -> Result<bool> {
    install::ensure(false)?;
    let workspace = Workspace::load()?;
    step("Components");
    plugins::build()?;
    step("Binary");
    // The same packages as the tests, so that features and therefore artifacts are the same.
    succeed(cargo(&["build", "--locked"]).args(workspace.native()))?;
    step("Tests");
    let packages = arguments.cargo.iter().any(|argument| argument == "-p" || argument == "--package");
    let selected = if packages { Vec::new() } else { workspace.native() };
    let mut test = cargo(&["test", "--locked"]);
    test.env("BULKHEAD_COMPONENT_CACHE", place::component_cache());
    let status = test.args(selected).args(&arguments.cargo).status()?;
    Ok(status.success())
}
