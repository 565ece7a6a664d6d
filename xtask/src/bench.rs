//! `cargo xtask bench`: backups and restores against the same tools by hand, in paired runs.

mod by_hand;
mod machine;
mod measure;
mod report;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use bulkhead_test_support::{
    AgeKey, BulkheadHost, HostOptions, MariaDb, MariaDbOptions, Result, ServiceEntry, dataset, workspace,
};
use clap::Args;

use crate::cargo::{Workspace, cargo, succeed};
use crate::terminal::{bytes, done, note, seconds, step};
use crate::{install, plugins};
use measure::Pair;

/// What to measure.
#[derive(Args)]
pub struct Arguments {
    /// Bytes of data on disk.
    #[arg(long, default_value_t = 2 << 30)]
    bytes: u64,
    /// Paired runs; the median counts.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Print the report instead of writing `docs/benchmarks.md`.
    #[arg(long)]
    print: bool,
    /// Where data is kept while it runs: needs about four times the bytes. The target directory by default.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Measure this program instead of building one.
    #[arg(long)]
    binary: Option<PathBuf>,
}

/// The service's id.
const SERVICE: &str = "bench";

/// Everything that was measured.
pub struct Figures {
    /// Bytes in the data directory.
    pub data_bytes: u64,
    /// Bytes of the stream `mariadb-backup` writes.
    pub stream_bytes: u64,
    /// Backups without encryption.
    pub plain: Vec<Pair>,
    /// Backups with encryption.
    pub encrypted: Vec<Pair>,
    /// Restores without encryption.
    pub restores: Vec<Pair>,
    /// The longest time without an answer, for each of Bulkhead's restores, in seconds.
    pub downtimes: Vec<f64>,
    /// The host's memory.
    pub memory: measure::Memory,
    /// What the host says of loading components, if it says anything.
    pub components: Vec<measure::Component>,
}

/// Measures; true when it came to an end, whatever the figures.
pub fn run(arguments: &Arguments) -> Result<bool> {
    install::ensure(false)?;
    let binary = match &arguments.binary {
        Some(binary) => fs::canonicalize(binary)?,
        None => build()?,
    };
    let parent = arguments.dir.clone().unwrap_or_else(|| workspace::target_dir().join("bench"));
    fs::create_dir_all(&parent)?;
    step(&format!("A private MariaDB with {}", bytes(arguments.bytes)));
    let started = Instant::now();
    let options = MariaDbOptions {
        parent: Some(parent.clone()),
        arguments: vec!["--innodb-buffer-pool-size=512M".into(), "--innodb-log-file-size=512M".into()],
        ..MariaDbOptions::default()
    };
    let server = Arc::new(MariaDb::start_with(&options)?);
    dataset::bulk(&server, arguments.bytes)?;
    // Dirty pages go to disk now rather than while something is measured.
    server.stop()?;
    server.launch()?;
    done("filled", started.elapsed());

    let key = AgeKey::generate()?;
    let serve = |recipients: Vec<String>| {
        BulkheadHost::start(HostOptions {
            parent: Some(parent.clone()),
            binary: Some(binary.clone()),
            services: vec![ServiceEntry::of(SERVICE, &server)],
            identities: if recipients.is_empty() { Vec::new() } else { vec![key.identity()] },
            recipients,
            ..HostOptions::default()
        })
    };
    let mut plain = serve(Vec::new())?;
    let encrypted = serve(vec![key.recipient.clone()])?;
    let mut bench = measure::Bench::new(&server, &parent, arguments.runs)?;
    step(&format!("{} paired runs: backup", arguments.runs));
    let plain_pairs = bench.backups(&plain, None)?;
    step(&format!("{} paired runs: backup, encrypted", arguments.runs));
    let encrypted_pairs = bench.backups(&encrypted, Some(&key.recipient))?;
    step(&format!("{} paired runs: restore", arguments.runs));
    let (restores, downtimes) = bench.restores(&plain)?;
    // The first start compiled the components; the second takes them from the cache.
    plain.launch(&[])?;
    let figures = Figures {
        data_bytes: measure::bytes_below(&server.data_dir())?,
        stream_bytes: bench.stream_bytes(),
        plain: plain_pairs,
        encrypted: encrypted_pairs,
        restores,
        downtimes,
        memory: bench.memory(),
        components: measure::components(&plain),
    };
    let text = report::render(&figures, arguments.runs, &server.value("SELECT VERSION()")?)?;
    println!("\n{text}");
    if !arguments.print {
        let path = workspace::root().join("docs/benchmarks.md");
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
