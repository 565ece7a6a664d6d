//! How far the archive is behind the server in the continuous mode.

mod load;
mod raw;

use std::thread;
use std::time::{Duration, Instant};

use bulkhead_test_support::{BulkheadHost, HostOptions, MariaDb, MariaDbOptions, Problem, Result, process};
use serde_json::Value;

use super::jobs::Jobs;
use super::pair::{median, percentile};
use super::place::Place;
use crate::terminal::{note, step};
use load::{Commit, Load};

/// What was measured.
pub struct Figures {
    /// Kills while transactions streamed.
    pub streaming: Vec<Kill>,
    /// Kills when a segment had just been completed.
    pub changing: Vec<Kill>,
    /// Transactions a second before the kills.
    pub rate: f64,
    /// Milliseconds from a commit's confirmation until the tool had written the transaction; at least 0.
    pub tool: Vec<f64>,
    /// Transactions a second meanwhile.
    pub tool_rate: f64,
}

/// One kill of the server.
#[derive(Clone, Copy, Debug)]
pub struct Kill {
    /// Transactions that users were told are committed and that the archive lacks.
    pub missing: usize,
    /// Milliseconds from the first of them to the kill.
    pub milliseconds: f64,
}

/// Sessions that write.
pub const SESSIONS: usize = 4;
/// Seconds after which a segment is completed here, so that there are many ends of them.
pub const SEGMENT_SECONDS: u64 = 5;
/// How long the tool is watched.
const WATCHED: Duration = Duration::from_secs(15);

/// Kills the server so many times in each of the two situations, and watches the tool alone.
pub fn measure(place: &Place, kills: usize) -> Result<Figures> {
    let options = MariaDbOptions { parent: Some(place.parent.clone()), ..MariaDbOptions::default() };
    let server = std::sync::Arc::new(MariaDb::start_with(&options)?);
    server
        .execute("CREATE DATABASE lag; CREATE TABLE lag.t (id BIGINT AUTO_INCREMENT PRIMARY KEY, body VARCHAR(300))")?;
    step("Lag of the tool by itself");
    let (tool, tool_rate) = watch_tool(place, &server)?;
    note(&format!(
        "{} commits, {tool_rate:.0} a second: median {:.2} ms, p99 {:.2} ms, most {:.2} ms",
        tool.len(),
        median(tool.iter().copied()),
        percentile(&tool, 99),
        percentile(&tool, 100)
    ));

    step(&format!("{} kills of the server under load", 2 * kills));
    let methods = format!("methods.binarylog = {{ continuous = true, segment_seconds = {SEGMENT_SECONDS} }}");
    let host = place.host(&server, &methods, HostOptions::default())?;
    // Logs that no backup needs would be removed again.
    Jobs::default().backup(&host, "full")?;
    let (mut streaming, mut changing, mut rates) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..2 * kills {
        let at_change = round % 2 == 1;
        let load = Load::start(&server, SESSIONS);
        let segment = following(&host)?;
        if at_change {
            wait_for_end(&host, &segment)?;
            // Spread over the time in which the next one begins.
            thread::sleep(Duration::from_millis(u64::try_from(round / 2 * 37 % 400).unwrap_or(0)));
        } else {
            thread::sleep(Duration::from_millis(600 + u64::try_from(round * 211 % 1700).unwrap_or(0)));
        }
        let killed = Instant::now();
        server.kill()?;
        let (commits, rate) = load.end();
        rates.push(rate);
        let archived = archived(&host)?;
        let missing: Vec<&Commit> =
            commits.iter().filter(|commit| commit.sequence > archived && commit.at <= killed).collect();
        let oldest = missing.iter().map(|commit| commit.at).min().unwrap_or(killed);
        let kill = Kill { missing: missing.len(), milliseconds: killed.duration_since(oldest).as_secs_f64() * 1e3 };
        note(&format!(
            "{}: {} of {} commits missing, {:.1} ms",
            if at_change { "between segments" } else { "streaming" },
            kill.missing,
            commits.len(),
            kill.milliseconds
        ));
        if at_change { &mut changing } else { &mut streaming }.push(kill);
        server.launch()?;
    }
    Ok(Figures { streaming, changing, rate: median(rates.into_iter()), tool, tool_rate })
}

/// The log backup that streams now, by its job; waits for one.
fn following(host: &BulkheadHost) -> Result<String> {
    process::wait_until("transactions stream", Duration::from_secs(90), || {
        let jobs = host.api("GET", "/v1/jobs", &Value::Null)?.json()?;
        let jobs = jobs["jobs"].as_array().cloned().unwrap_or_default();
        let streams = jobs.iter().find(|job| job["status"] == "Running" && job["phase"] == "follow");
        Ok(streams.and_then(|job| job["id"].as_str()).map(str::to_owned))
    })
    .map_err(|problem| Problem::new(format!("{problem}\n{}", host.log_tail())))
}

fn wait_for_end(host: &BulkheadHost, job: &str) -> Result<()> {
    let authorization = format!("Authorization: Bearer {}", host.token("acme", "administrator")?);
    let end = Instant::now() + Duration::from_secs(60);
    while Instant::now() < end {
        let now = host.http("GET", &format!("/v1/jobs/{job}"), &[&authorization], b"")?.json()?;
        if matches!(now["status"].as_str(), Some("Succeeded" | "Failed" | "Cancelled")) {
            return Ok(());
        }
        // Not so often that the host would refuse to answer.
        thread::sleep(Duration::from_millis(20));
    }
    Err(Problem::new("the segment was not completed"))
}

/// The last transaction in the archive, once nothing is written to it any more.
fn archived(host: &BulkheadHost) -> Result<u64> {
    // What was under way, or about to begin, at the kill.
    thread::sleep(Duration::from_secs(1));
    process::wait_until("the archive is complete", Duration::from_secs(60), || {
        let backups = host.api("GET", "/v1/backups", &Value::Null)?.json()?;
        let backups = backups["backups"].as_array().cloned().unwrap_or_default();
        if backups.iter().any(|backup| matches!(backup["status"].as_str(), Some("Running" | "Scheduled"))) {
            return Ok(None);
        }
        let ends = backups.iter().filter(|backup| backup["status"] == "Succeeded");
        let ends = ends.filter_map(|backup| load::sequence(backup["positions"]["gtid.end"].as_str()?));
        Ok(Some(ends.max().unwrap_or(0)))
    })
}

/// The tool as the plugin runs it, without host and plugin behind it.
fn watch_tool(place: &Place, server: &std::sync::Arc<MariaDb>) -> Result<(Vec<f64>, f64)> {
    let load = Load::start(server, SESSIONS);
    let watched = raw::watch(place, server, WATCHED);
    let (commits, rate) = load.end();
    let seen = watched?;
    // Seen in the order of the log: the first look at or past a transaction is its own.
    let lag = |commit: &Commit| {
        let at = seen.partition_point(|(sequence, _)| *sequence < commit.sequence);
        seen.get(at).map(|(_, seen)| seen.saturating_duration_since(commit.at).as_secs_f64() * 1e3)
    };
    // While it caught up with what was there before it was connected, the tool was not behind.
    let first = seen.first().map_or(0, |(sequence, _)| *sequence);
    let begun = commits.iter().find(|commit| commit.sequence > first).map(|commit| commit.at);
    let settled = |commit: &&Commit| begun.is_some_and(|begun| commit.at > begun + Duration::from_secs(1));
    let lags = commits.iter().filter(settled).filter_map(lag).collect();
    Ok((lags, rate))
}
