//! Developer commands: `cargo xtask demo`, `test`, `check`, `bench`, `bench-catalog`, `fuzz`, `soak`, `zoo`, `plugins`, `lint`, `doctor`.

mod bench;
mod cargo;
mod check;
mod demo;
mod doctor;
mod features;
mod fuzz;
mod install;
mod junit;
mod lint;
mod nextest;
mod outage;
mod plugins;
mod scale;
mod servers;
mod soak;
mod stage;
mod suite;
mod terminal;
mod zoo;

use std::process::ExitCode;

use bulkhead_test_support::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Developer commands of Bulkhead.")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Back up, destroy and restore a private MariaDB, and compare every row.
    Demo(demo::Arguments),
    /// Measure against the same tools by hand, and keep the figures in `docs/benchmarks.md`.
    Bench(bench::Arguments),
    /// Measure the catalog at the sizes it is made for, and keep the figures in `docs/benchmarks-catalog.md`.
    BenchCatalog(scale::Arguments),
    /// Install what is missing, build everything, run every test.
    Test(suite::Arguments),
    /// Send the API what its document allows and does not allow, and check every answer against the document.
    Fuzz(fuzz::Arguments),
    /// Write to a server at random, back it up meanwhile, and restore random moments of it.
    Soak(soak::Arguments),
    /// Back up and restore what MariaDB's own test files make, by each method.
    Zoo(zoo::Arguments),
    /// Build the components and put them where the host finds them.
    Plugins,
    /// What to run at each step: formatting, clippy, documentation, and the tests of single crates and components.
    Check,
    /// Formatting, features, clippy and documentation, with warnings denied.
    Lint,
    /// Install what is missing for the tests.
    Install,
    /// Say what is missing on this machine, with the command that fixes it.
    Doctor,
}

fn main() -> ExitCode {
    let ended = match Arguments::parse().command {
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::BenchCatalog(arguments) => scale::run(&arguments),
        Command::Test(arguments) => suite::run(&arguments),
        Command::Fuzz(arguments) => fuzz::run(&arguments),
        Command::Soak(arguments) => soak::run(&arguments),
        Command::Zoo(arguments) => zoo::run(&arguments),
        Command::Plugins => plugins::build().map(|()| true),
        Command::Check => check::run(),
        Command::Lint => lint::alone().map(|()| true),
        Command::Install => install::ensure(false).map(|()| true),
        Command::Doctor => Ok(doctor::run()),
    };
    report(ended)
}

fn report(ended: Result<bool>) -> ExitCode {
    match ended {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("{} {problem}", terminal::red("error:"));
            ExitCode::FAILURE
        }
    }
}
