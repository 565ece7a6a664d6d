//! `cargo xtask soak`: the long random test of moments.

use std::time::Duration;

use bulkhead_test_support::Result;
use bulkhead_test_support::soak::Soak;
use clap::Args;

use crate::cargo::{cargo, succeed};
use crate::terminal::{note, step};
use crate::{install, plugins};

/// How long, and which history.
#[derive(Args)]
pub struct Arguments {
    /// Minutes of writing
    #[arg(long, default_value_t = 10)]
    minutes: u64,
    /// Moments to restore
    #[arg(long, default_value_t = 50)]
    restores: usize,
    /// What the random choices begin with; the same seed writes the same statements
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Installs, builds, writes, restores, compares.
pub fn run(arguments: &Arguments) -> Result<bool> {
    install::ensure(false)?;
    step("Components");
    plugins::build()?;
    step("Binary");
    succeed(&mut cargo(&["build", "--locked"]))?;
    step("Soak");
    let soak = Soak {
        seed: arguments.seed,
        writing: Duration::from_secs(arguments.minutes * 60),
        restores: arguments.restores,
    };
    let report = soak.run(&|line| note(line))?;
    note(&format!(
        "seed {}: {} writes, {:?}, {} of {} moments restored, no difference; refused: {:?}",
        arguments.seed, report.writes, report.backups, report.restored, report.moments, report.refused
    ));
    let refused: usize = report.refused.values().sum();
    Ok(report.restored + refused == arguments.restores.min(report.moments))
}
