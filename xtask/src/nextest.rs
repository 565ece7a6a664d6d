//! The test runner, cargo-nextest: each test in a process of its own, the slow ones first (`.config/nextest.toml`).

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use bulkhead_test_support::{Problem, Result, cache_dir, process, workspace as place};
use tempfile::TempDir;

use crate::cargo::{self, Workspace, cargo, succeed};
use crate::junit::{self, Case};
use crate::terminal::{bold, note, red, seconds, step};

/// What `xtask/nextest/requirements.txt` names.
const VERSION: &str = "0.9.148";

/// How many of the slowest tests are shown.
const SLOWEST: usize = 20;

/// What to build and run.
pub struct Nextest {
    /// Packages; none means all that run on this machine.
    pub packages: Vec<String>,
    /// More arguments for `cargo nextest run`.
    pub arguments: Vec<String>,
}

impl Nextest {
    /// Compiles the binary and the tests.
    pub fn build(&self) -> Result<()> {
        if self.packages.is_empty() {
            return succeed(cargo(&["build", "--locked", "--all-targets"]).args(self.selected()?));
        }
        succeed(&mut cargo(&["build", "--locked", "--package", "bulkhead"]))?;
        succeed(cargo(&["build", "--locked", "--all-targets"]).args(self.selected()?))
    }

    /// Runs the tests; true when all have passed.
    pub fn run(&self) -> Result<bool> {
        let runner =
            program().ok_or_else(|| Problem::new("cargo-nextest is not installed; hint: run `cargo xtask install`"))?;
        let mut run = cargo::program(runner);
        run.args(["nextest", "run", "--locked", "--cargo-quiet"])
            .args(["--test-threads", &threads().to_string()])
            .args(self.selected()?)
            .args(&self.arguments)
            .env("BULKHEAD_COMPONENT_CACHE", place::component_cache());
        let memory = in_memory()?;
        if let Some(memory) = &memory {
            run.env("TMPDIR", memory.path());
        }
        Ok(run.status()?.success())
    }

    fn selected(&self) -> Result<Vec<String>> {
        if self.packages.is_empty() {
            return Ok(Workspace::load()?.native());
        }
        Ok(self.packages.iter().flat_map(|package| ["--package".to_owned(), package.clone()]).collect())
    }
}

/// Where `cargo xtask install` puts the program.
pub fn dir() -> PathBuf {
    cache_dir().join("tools").join(format!("cargo-nextest-{VERSION}"))
}

/// The program: cargo's own subcommand, or the one that was fetched.
pub fn program() -> Option<PathBuf> {
    process::find_program("cargo-nextest")
        .or_else(|| Some(dir().join("bin/cargo-nextest")).filter(|path| path.is_file()))
}

/// A directory in memory for what tests write, where there is room: they make and remove thousands of small files, whose keeping costs
/// a quarter of their time. What has to be seen on a disk mounts one of its own.
fn in_memory() -> Result<Option<TempDir>> {
    const ROOM: u64 = 8 << 30;
    let shared = Path::new("/dev/shm");
    let room = rustix::fs::statvfs(shared).map_or(0, |found| found.f_bavail * found.f_frsize);
    if room.min(available_kib().unwrap_or(0) << 10) < ROOM {
        return Ok(None);
    }
    Ok(Some(tempfile::Builder::new().prefix("bulkhead-tests-").tempdir_in(shared)?))
}

/// The kernel's estimate of the memory that programs can still have.
fn available_kib() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Twice as many tests as processors: most of a test's time is waiting for servers. Each may need 2 GiB of memory.
fn threads() -> usize {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let fit = available_kib().map_or(processors, |kib| usize::try_from(kib / (2 << 20)).unwrap_or(processors));
    (2 * processors).min(fit).max(1)
}

/// Whether tests have run in this target directory before, and so are compiled but for what changed.
pub fn ran_before(target: &Path) -> bool {
    target.join("component-cache").is_dir()
}

/// cargo-nextest keeps it in the checkout, wherever cargo's target directory is.
fn report_file() -> PathBuf {
    place::root().join("target/nextest/default/junit.xml")
}

/// Forgets the last run, whose report would be taken for this one's.
pub fn forget() -> Result<()> {
    match fs::remove_file(report_file()) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// Shows the slowest tests of this run, and how to repeat each that failed; gives the counts: `652 passed, 0 failed`.
pub fn report() -> Result<String> {
    // A run that ended before its tests has written none.
    let mut cases = fs::read_to_string(report_file()).map_or_else(|_| Ok(Vec::new()), |text| junit::cases(&text))?;
    cases.sort_by_key(|case| std::cmp::Reverse(case.took));
    step(&format!("The slowest of {} tests", cases.len()));
    for case in cases.iter().take(SLOWEST) {
        note(&format!("{:>13}  {} {}", seconds(case.took), case.binary, case.name));
    }
    let failed: Vec<&Case> = cases.iter().filter(|case| case.failed).collect();
    for case in &failed {
        println!("{} {}", bold(&red("FAILED, repeat with:")), repeat(case));
    }
    Ok(format!("{} passed, {} failed", cases.len() - failed.len(), failed.len()))
}

/// One line for a shell.
fn repeat(case: &Case) -> String {
    let package = case.binary.split("::").next().unwrap_or_default();
    format!("cargo xtask test -p {package} -E 'binary_id({}) & test(={})'", case.binary, case.name)
}
