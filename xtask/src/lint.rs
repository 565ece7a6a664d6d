//! Formatting, features, clippy and documentation, with warnings denied.

use bulkhead_test_support::Result;

use crate::cargo::{WASM, Workspace, cargo, succeed};
use crate::features;
use crate::stage::Stages;

/// The checks as a command of their own.
pub fn alone() -> Result<()> {
    let mut stages = Stages::begin(false);
    let passed = run(&mut stages);
    stages.report()?;
    passed
}

/// Runs all checks; the first that fails ends it.
pub fn run(stages: &mut Stages) -> Result<()> {
    let workspace = Workspace::load()?;
    let native = workspace.native();
    stages.run("formatting", || succeed(&mut cargo(&["fmt", "--all", "--check"])))?;
    stages.run("features", features::check)?;
    stages.run("clippy", || {
        succeed(cargo(&["clippy", "--locked", "--all-targets"]).args(&native).args(["--", "-D", "warnings"]))
    })?;
    stages.run("clippy of components", || {
        let packages = workspace.components().flat_map(|name| ["-p", name]);
        let mut components =
            cargo(&["clippy", "--locked", "--target", WASM, "--profile", "plugin", "--lib", "--examples"]);
        succeed(components.args(packages).args(["--", "-D", "warnings"]))
    })?;
    stages.run("documentation", || {
        let mut documentation = cargo(&["doc", "--locked", "--no-deps"]);
        succeed(documentation.args(&native).env("RUSTDOCFLAGS", "-Dwarnings"))
    })
}
