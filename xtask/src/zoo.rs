//! `cargo xtask zoo`: what MariaDB's own test files make, backed up and restored by each method.

use bulkhead_test_support::Result;
use bulkhead_test_support::zoo::Zoo;
use clap::Args;

use crate::cargo::{cargo, succeed};
use crate::terminal::{note, step};
use crate::{install, plugins};

/// Which files.
#[derive(Args)]
pub struct Arguments {
    /// Test files, each in a database of its own
    #[arg(long, default_value_t = 200)]
    files: usize,
    /// With which of them to begin
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

/// Installs, builds, loads, backs up, restores, compares.
pub fn run(arguments: &Arguments) -> Result<bool> {
    install::ensure(false)?;
    step("Components");
    plugins::build()?;
    step("Binary");
    succeed(&mut cargo(&["build", "--locked"]))?;
    step("Zoo");
    let seen = Zoo { files: arguments.files, seed: arguments.seed }.run(&|line| note(line))?;
    note(&format!(
        "{} files, {} objects and {} rows came back from {}",
        seen.files,
        seen.objects,
        seen.rows,
        seen.restored.join(", ")
    ));
    Ok(true)
}
