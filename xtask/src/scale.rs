//! `cargo xtask bench-catalog`: the catalog at the sizes it is made for.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bulkhead_test_support::{BulkheadHost, HostOptions, PostgreSql, Problem, Result, ServiceEntry, process, workspace};
use clap::Args;

use crate::cargo::{Workspace, cargo, succeed};
use crate::install;
use crate::terminal::{done, step};

/// The sizes.
#[derive(Args)]
pub struct Arguments {
    /// Schedules in PostgreSQL.
    #[arg(long, default_value_t = 1_000_000)]
    schedules: u64,
    /// Of which so many are due within one minute.
    #[arg(long, default_value_t = 1_000)]
    due: u64,
    /// Backups in PostgreSQL.
    #[arg(long, default_value_t = 5_000_000)]
    backups: u64,
    /// Schedules, and backups, in SQLite.
    #[arg(long, default_value_t = 100_000)]
    sqlite: u64,
    /// Requests for each page.
    #[arg(long, default_value_t = 300)]
    requests: u32,
    /// A PostgreSQL catalog that `seed` has filled with as much before, instead of a new one.
    #[arg(long)]
    filled: Option<String>,
    /// Print the report instead of writing `docs/benchmarks-catalog.md`.
    #[arg(long)]
    print: bool,
}

/// Between filling and the first schedule that is due: the host has to have started.
const HEAD_START: Duration = Duration::from_secs(20);
const PATIENCE: Duration = Duration::from_secs(600);
const PAGE: u64 = 50;

/// The times of one kind of request, in milliseconds, sorted.
struct Times(Vec<f64>);

impl Times {
    fn at(&self, share: f64) -> f64 {
        let last = self.0.len().saturating_sub(1);
        self.0.get((last as f64 * share).round() as usize).copied().unwrap_or(f64::NAN)
    }
}

/// What was measured on one database.
struct Figures {
    name: &'static str,
    backups: u64,
    schedules: u64,
    first: Times,
    last: Times,
    lag: Times,
}

/// Measures both databases.
pub fn run(arguments: &Arguments) -> Result<bool> {
    install::ensure(false)?;
    let target = &Workspace::load()?.target;
    step("A release build");
    succeed(&mut cargo(&["build", "--locked", "--release"]))?;
    succeed(&mut cargo(&["build", "--locked", "--release", "-p", "bulkhead-catalog", "--example", "seed"]))?;
    crate::plugins::build()?;
    let (binary, seed) = (target.join("release/bulkhead"), target.join("release/examples/seed"));

    let sizes = (arguments.backups, arguments.schedules, arguments);
    let postgres = if let Some(url) = &arguments.filled {
        let nothing = PathBuf::from("true");
        measure("PostgreSQL", url, sizes, (&binary, &nothing), |statement| {
            PostgreSql::sql_at(url, statement, PATIENCE)
        })?
    } else {
        let server = PostgreSql::start(&["shared_buffers=512MB", "max_wal_size=8GB"])?;
        let url = server.url("postgres");
        measure("PostgreSQL", &url, sizes, (&binary, &seed), |statement| PostgreSql::sql_at(&url, statement, PATIENCE))?
    };
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("catalog.db");
    let url = format!("sqlite:{}", file.display());
    let sqlite =
        measure("SQLite", &url, (arguments.sqlite, arguments.sqlite, arguments), (&binary, &seed), |statement| {
            let mut sqlite = process::command(process::program("sqlite3")?);
            let finished = process::run(sqlite.arg(&file), statement.as_bytes(), PATIENCE)?;
            Ok(String::from_utf8_lossy(&finished.stdout).trim_end().to_owned())
        })?;

    let report = report(&[postgres, sqlite], arguments.requests, arguments.due);
    if arguments.print {
        println!("{report}");
    } else {
        fs::write(workspace::root().join("docs/benchmarks-catalog.md"), report)?;
    }
    Ok(true)
}

fn measure(
    name: &'static str,
    url: &str,
    (backups, schedules, arguments): (u64, u64, &Arguments),
    (binary, seed): (&PathBuf, &Path),
    sql: impl Fn(&str) -> Result<String>,
) -> Result<Figures> {
    step(&format!("{name}: {backups} backups and {schedules} schedules"));
    let started = Instant::now();
    let due = arguments.due.min(schedules);
    let numbers = [backups, schedules, due, HEAD_START.as_secs()].map(|number| number.to_string());
    succeed(process::command(seed).arg(url).args(numbers))?;
    done("filled", started.elapsed());
    // Filling may have taken longer than the head start: the minute begins now.
    let now = "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)";
    let now = if name == "SQLite" { "CAST(strftime('%s', 'now') AS BIGINT) * 1000000" } else { now };
    // A filled catalog may have been measured before.
    sql("DROP TABLE IF EXISTS bench_shift")?;
    let shift = format!("{now} + {} - (SELECT MIN(fire_at_us) FROM bench_due)", HEAD_START.as_micros());
    sql(&format!(
        "CREATE TABLE bench_shift AS SELECT {shift} AS us;
         UPDATE bench_due SET fire_at_us = fire_at_us + (SELECT us FROM bench_shift);
         UPDATE schedules SET next_due_at_us = (SELECT b.fire_at_us FROM bench_due b WHERE b.id = schedules.id),
             next_fire_at_us = (SELECT b.fire_at_us FROM bench_due b WHERE b.id = schedules.id), fires = 0
             WHERE id <= {due};"
    ))?;
    let host = BulkheadHost::start(HostOptions {
        binary: Some(binary.clone()),
        services: vec![ServiceEntry::without_server("bench")],
        catalog: Some(url.to_owned()),
        extra: "[limits]\nrequests_per_minute = 1000000\nrequest_burst = 100000\n".to_owned(),
        ..HostOptions::default()
    })?;
    let started = Instant::now();
    let lag = lags(&sql, due)?;
    done("all due schedules have fired", started.elapsed());
    let authorization = format!("Authorization: Bearer {}", host.token("acme", "viewer")?);
    let page = |number: u64| pages(&host, &authorization, number, arguments.requests);
    let (first, last) = (page(1)?, page(backups.div_ceil(PAGE))?);
    Ok(Figures { name, backups, schedules, first, last, lag })
}

/// Waits until everything due has fired; how much later than it should, each.
fn lags(sql: &impl Fn(&str) -> Result<String>, due: u64) -> Result<Times> {
    let fired = "SELECT COUNT(*) FROM schedules s JOIN bench_due b ON b.id = s.id WHERE s.fires > 0";
    process::wait_until("all due schedules have fired", PATIENCE, || {
        let count: u64 = sql(fired)?.parse().map_err(|error| Problem::new(format!("no count: {error}")))?;
        Ok((count == due).then_some(()))
    })?;
    let answer = sql("SELECT s.last_fire_at_us - b.fire_at_us FROM schedules s JOIN bench_due b ON b.id = s.id")?;
    let lags = answer.lines().filter_map(|line| line.trim().parse::<f64>().ok()).map(|us| us / 1000.0);
    Ok(sorted(lags.collect()))
}

/// The same page again and again, from the request to the end of the answer.
fn pages(host: &BulkheadHost, authorization: &str, number: u64, requests: u32) -> Result<Times> {
    let path = format!("/v1/backups?page={number}&page_size={PAGE}");
    let mut times = Vec::new();
    for _ in 0..requests {
        let started = Instant::now();
        let answer = host.http("GET", &path, &[authorization], b"")?;
        times.push(started.elapsed().as_secs_f64() * 1000.0);
        if answer.status != 200 {
            return Err(Problem::new(format!("{path}: {} {}", answer.status, answer.body)));
        }
    }
    Ok(sorted(times))
}

fn sorted(mut times: Vec<f64>) -> Times {
    times.sort_by(f64::total_cmp);
    Times(times)
}

fn report(figures: &[Figures], requests: u32, due: u64) -> String {
    let mut text = String::from(
        "# The catalog at size\n\nWritten by `cargo xtask bench-catalog`: a release build, its host and the database on one machine, all rows of one \
         organization with 1,000 services. Times of requests are from connecting to the end of the answer over HTTP, with the total of all \
         pages in it. The lag is from the time a schedule should fire to the time of the transaction that makes its job; ",
    );
    let _ = writeln!(text, "{due} schedules were due within one minute, {requests} requests made for each page.\n");
    text.push_str("| | rows | median | p99 | worst | goal (p99) |\n|---|---|---|---|---|---|\n");
    for figures in figures {
        let mut row = |what: String, rows: u64, times: &Times, unit: &str, goal: &str| {
            let _ = writeln!(
                text,
                "| {}: {what} | {rows} | {:.1} {unit} | {:.1} {unit} | {:.1} {unit} | {goal} |",
                figures.name,
                times.at(0.5),
                times.at(0.99),
                times.at(1.0)
            );
        };
        row("`GET /backups`, first page".to_owned(), figures.backups, &figures.first, "ms", "20 ms");
        row("`GET /backups`, last page".to_owned(), figures.backups, &figures.last, "ms", "20 ms");
        row("lag of a schedule".to_owned(), figures.schedules, &figures.lag, "ms", "1000 ms");
    }
    text
}
