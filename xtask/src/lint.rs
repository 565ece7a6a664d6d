//! Formatting, clippy and documentation, with warnings denied.

use bulkhead_test_support::Result;

use crate::cargo::{WASM, Workspace, cargo, succeed};
use crate::terminal::step;

/// Runs all checks; the first that fails ends it.
pub fn run() -> Result<()> {
    let workspace = Workspace::load()?;
    step("Formatting");
    succeed(&mut cargo(&["fmt", "--all", "--check"]))?;
    step("Clippy, native");
    let native = workspace.native();
    succeed(cargo(&["clippy", "--locked", "--all-targets"]).args(&native).args(["--", "-D", "warnings"]))?;
    step("Clippy, components");
    let packages: Vec<&str> = workspace.components().flat_map(|name| ["-p", name]).collect();
    let mut components = cargo(&["clippy", "--locked", "--target", WASM, "--profile", "plugin", "--lib", "--examples"]);
    succeed(components.args(packages).args(["--", "-D", "warnings"]))?;
    step("Documentation");
    let mut documentation = cargo(&["doc", "--locked", "--no-deps"]);
    succeed(documentation.args(&native).env("RUSTDOCFLAGS", "-Dwarnings"))
}
