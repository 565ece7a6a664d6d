//! `cargo xtask demo`: a private MariaDB is filled, backed up, destroyed, restored, and compared row by row.

mod act;
mod watch;

use std::time::Instant;

use bulkhead_test_support::{Result, workspace};
use clap::Args;

use crate::cargo::{cargo, succeed};
use crate::terminal::{bold, dim, green, note, red, seconds, step};
use crate::{install, plugins};

/// What to show.
#[derive(Args)]
pub struct Arguments {
    /// Megabytes of rows beside one of everything.
    #[arg(long, default_value_t = 300)]
    megabytes: u64,
    /// The kind of backup: `full` or `dump`.
    #[arg(long, default_value = "full")]
    method: String,
    /// Shows what was built before, as it is.
    #[arg(long)]
    no_build: bool,
}

/// Builds and shows; true only if everything came back.
pub fn run(arguments: &Arguments) -> Result<bool> {
    println!("{}", bold("Bulkhead: backups made, kept and restored through sandboxed components"));
    println!("{}", dim("Everything runs on this machine, in a directory that is removed at the end."));
    install::ensure(true)?;
    if !arguments.no_build {
        build()?;
    }

    let started = Instant::now();
    let parent = workspace::target_dir().join("demo");
    let equal = act::play(&parent, &arguments.method, arguments.megabytes * 1_000_000)?;
    println!();
    if equal {
        println!("{}", green(&format!("✓ Everything came back exactly as it was, in {}.", seconds(started.elapsed()))));
    } else {
        println!("{}", red("✗ What came back is not what was there."));
    }
    Ok(equal)
}

fn build() -> Result<()> {
    step("Building the components and the host (the first time takes minutes)");
    let started = Instant::now();
    plugins::beside(plugins::build_first_party, || {
        succeed(&mut cargo(&["build", "--locked", "--package", "bulkhead"]))
    })?;
    note(&format!("built in {}", seconds(started.elapsed())));
    Ok(())
}
