//! `cargo xtask bench`: backups and restores against the same tools by hand, in paired runs.

mod bucket;
mod by_hand;
mod complete;
mod drills;
mod gateway;
mod increments;
mod jobs;
mod lag;
mod logs;
mod machine;
mod pair;
mod place;
mod report;
mod surrealdb;

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use bulkhead_test_support::{Result, workspace};
use clap::{Args, ValueEnum};

use crate::cargo::{Workspace, cargo, succeed};
use crate::terminal::{note, seconds, step};
use crate::{install, plugins};
use place::Place;
use report::Page;

/// What to measure.
#[derive(Args)]
pub struct Arguments {
    /// Only these parts; the others' figures stay as they are.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Part>,
    /// Bytes of data on disk.
    #[arg(long, default_value_t = 2 << 30)]
    bytes: u64,
    /// Bytes of binary logs.
    #[arg(long, default_value_t = 5 << 28)]
    log_bytes: u64,
    /// Bytes of the object that goes into a bucket and back.
    #[arg(long, default_value_t = 4 << 30)]
    object_bytes: u64,
    /// Records of SurrealDB.
    #[arg(long, default_value_t = 200_000)]
    records: usize,
    /// This SurrealDB server instead of one that is built.
    #[arg(long, value_name = "PROGRAM")]
    surreal: Option<PathBuf>,
    /// Paired runs; the median counts.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Kills of the server in each situation, for the lag of the archive.
    #[arg(long, default_value_t = 12)]
    kills: usize,
    /// Words on what else the machine did meanwhile, to stand beside the figures.
    #[arg(long)]
    remark: Option<String>,
    /// Print the report instead of writing `docs/benchmarks.md`.
    #[arg(long)]
    print: bool,
    /// Where data is kept while it runs: needs about four times the bytes. The target directory by default.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Measure this program instead of building one.
    #[arg(long, requires = "revision")]
    binary: Option<PathBuf>,
    /// What that program was built from.
    #[arg(long)]
    revision: Option<String>,
}

/// A part of the benchmarks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Complete backups, encrypted ones, and restores.
    Full,
    /// Incremental backups.
    Incremental,
    /// Archiving binary logs.
    Logs,
    /// Replaying binary logs.
    Replay,
    /// How far the archive is behind in the continuous mode.
    Lag,
    /// Drills.
    Drills,
    /// Objects and whole backups in a bucket of S3.
    Bucket,
    /// Export and import of SurrealDB.
    Surrealdb,
    /// Events through a front door.
    Gateway,
}

/// The service's id.
const SERVICE: &str = "bench";

/// Measures; true when it came to an end, whatever the figures.
pub fn run(arguments: &Arguments) -> Result<bool> {
    install::ensure(false)?;
    let binary = match &arguments.binary {
        Some(binary) => fs::canonicalize(binary)?,
        None => build()?,
    };
    let parent = arguments.dir.clone().unwrap_or_else(|| workspace::target_dir().join("bench"));
    fs::create_dir_all(&parent)?;
    let place = Place::new(fs::canonicalize(parent)?, binary)?;
    let wants = |part: Part| arguments.only.is_empty() || arguments.only.contains(&part);
    let runs = arguments.runs;
    let path = workspace::root().join("docs/benchmarks.md");
    let head = || machine::says("git", &["rev-parse", "--short=12", "HEAD"]);
    let revision = arguments.revision.clone().unwrap_or_else(head);
    let mut page = Page::read(&path, &revision, arguments.remark.as_deref())?;

    if [Part::Full, Part::Incremental, Part::Drills, Part::Bucket].into_iter().any(wants) {
        let server = place.server(arguments.bytes, &[])?;
        page.server = Some(server.value("SELECT VERSION()")?);
        if wants(Part::Full) {
            page.complete(&complete::measure(&place, &server, runs)?, runs);
        }
        if wants(Part::Incremental) {
            page.increments(&increments::measure(&place, &server, runs)?, runs);
        }
        if wants(Part::Drills) {
            page.drills(&drills::measure(&place, &server, runs)?, runs);
        }
        if wants(Part::Bucket) {
            page.bucket(&bucket::measure(&place, &server, arguments.object_bytes, runs)?, runs);
        }
    }
    if wants(Part::Logs) {
        page.archive(&logs::archive(&place, arguments.log_bytes, runs)?, runs);
    }
    if wants(Part::Replay) {
        page.replay(&logs::replay(&place, arguments.log_bytes, runs)?, runs);
    }
    if wants(Part::Lag) {
        page.lag(&lag::measure(&place, arguments.kills)?);
    }
    if wants(Part::Surrealdb) {
        let figures = surrealdb::measure(&place, arguments.records, arguments.surreal.as_deref(), runs)?;
        page.surrealdb(&figures, runs);
    }
    if wants(Part::Gateway) {
        page.gateway(&gateway::measure(&place, runs)?);
    }
    let text = page.render();
    println!("\n{text}");
    if !arguments.print {
        fs::write(&path, &text)?;
        note("written to docs/benchmarks.md");
    }
    Ok(true)
}

fn build() -> Result<PathBuf> {
    step("Building the components and the host, optimised");
    let started = Instant::now();
    plugins::build()?;
    succeed(&mut cargo(&["build", "--release", "--locked", "--package", "bulkhead"]))?;
    note(&format!("built in {}", seconds(started.elapsed())));
    Ok(Workspace::load()?.target.join("release/bulkhead"))
}
