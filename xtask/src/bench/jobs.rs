//! Jobs as a user asks for them, timed from outside.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use bulkhead_test_support::{BulkheadHost, Problem, Result, process};
use serde_json::{Value, json};

use super::SERVICE;

/// The serving process's memory in KiB.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory {
    /// The most it ever held, over all runs.
    pub peak: u64,
    /// The most in the first half of a run, the largest of all runs.
    pub first_half: u64,
    /// The most in the second half.
    pub second_half: u64,
}

/// Asks for jobs, and remembers how much memory they took.
#[derive(Default)]
pub struct Jobs {
    memory: Memory,
}

/// A backup that was made.
pub struct Made {
    /// Its id.
    pub id: String,
    /// Bytes before compression.
    pub plain_bytes: u64,
    /// Seconds from the request until it was reported.
    pub seconds: f64,
}

impl Jobs {
    /// The serving processes' memory over all runs.
    pub fn memory(&self) -> Memory {
        self.memory
    }

    /// Makes a backup.
    pub fn backup(&mut self, host: &BulkheadHost, method: &str) -> Result<Made> {
        let body = json!({ "backup_type": method, "schedule": "once", "service_id": SERVICE });
        let (job, seconds) = self.run(host, "/v1/backups/schedules", &body)?;
        let plain_bytes = job["plain_bytes"].as_u64().unwrap_or(0);
        Ok(Made { id: text(&job, "backup_id")?, plain_bytes, seconds })
    }

    /// Asks for a job and watches it and the process to the end; gives the job as it ended and the seconds since it was asked for.
    pub fn run(&mut self, host: &BulkheadHost, path: &str, body: &Value) -> Result<(Value, f64)> {
        let authorization = format!("Authorization: Bearer {}", host.token("acme", "administrator")?);
        let headers = ["Content-Type: application/json", authorization.as_str()];
        let mut samples = Vec::new();
        let started = Instant::now();
        let asked = host.http("POST", path, &headers, body.to_string().as_bytes())?.json()?;
        let id = asked["job_id"].as_str().or_else(|| asked["id"].as_str());
        let id = id.ok_or_else(|| Problem::new(format!("no job: {asked}")))?;
        let job = format!("/v1/jobs/{id}");
        loop {
            let now = host.http("GET", &job, &headers[1..], b"")?.json()?;
            let took = started.elapsed().as_secs_f64();
            samples.extend(host.memory_kib("VmRSS"));
            match now["status"].as_str() {
                Some("Succeeded") => {
                    self.remember(host, &samples);
                    return Ok((now, took));
                }
                Some("Scheduled" | "Running") => thread::sleep(Duration::from_millis(20)),
                _ => return Err(Problem::new(format!("{now}\n{}", host.log_tail()))),
            }
        }
    }

    fn remember(&mut self, host: &BulkheadHost, samples: &[u64]) {
        let (first, second) = samples.split_at(samples.len() / 2);
        let most = |samples: &[u64]| samples.iter().copied().max().unwrap_or(0);
        self.memory.first_half = self.memory.first_half.max(most(first));
        self.memory.second_half = self.memory.second_half.max(most(second));
        // The kernel counts what is resident in batches: a sample may lie above its own high-water mark.
        self.memory.peak = self.memory.peak.max(host.memory_kib("VmHWM").unwrap_or(0)).max(most(samples));
    }
}

/// Deletes a backup and waits until no byte of it is left.
pub fn delete(host: &BulkheadHost, id: &str) -> Result<()> {
    let before = bytes_below(&host.bucket())?;
    let stored = host.json(&["backup", "show", id])?["stored_size"].as_u64().unwrap_or(0);
    host.run(&["backup", "delete", id])?.ok()?;
    // The manifest goes too, so that there is less than without the objects alone.
    process::wait_until("the backup is deleted", Duration::from_secs(60), || {
        Ok((bytes_below(&host.bucket())? <= before.saturating_sub(stored)).then_some(()))
    })
}

/// Seconds that a job spent in a phase, by what it has recorded.
pub fn seconds_in(host: &BulkheadHost, job: &Value, phase: &str) -> Result<f64> {
    let recorded = host.api("GET", &format!("/v1/jobs/{}/events", text(job, "id")?), &Value::Null)?.body;
    let events = recorded.lines().filter_map(|line| line.strip_prefix("data:"));
    let events: Vec<Value> = events.filter_map(|data| serde_json::from_str(data.trim()).ok()).collect();
    let mut phases = events.iter().filter(|event| event["kind"] == "phase");
    let begin = phases.by_ref().find(|event| event["body"]["phase"] == phase);
    let stamps = [begin, phases.next()].map(|event| event.and_then(|event| second_of_day(event["at"].as_str()?)));
    let [Some(begin), Some(end)] = stamps else {
        return Err(Problem::new(format!("the job says nothing of `{phase}`: {recorded}")));
    };
    Ok((end - begin).rem_euclid(86_400.0))
}

/// Of `2026-11-20T13:14:15.123456Z`.
fn second_of_day(time: &str) -> Option<f64> {
    let (_, clock) = time.trim_end_matches('Z').split_once('T')?;
    let mut parts = clock.split(':').map(str::parse::<f64>);
    match (parts.next()?, parts.next()?, parts.next()?) {
        (Ok(hours), Ok(minutes), Ok(seconds)) => Some(hours * 3600.0 + minutes * 60.0 + seconds),
        _ => None,
    }
}

/// Bytes of all files below a directory.
pub fn bytes_below(dir: &Path) -> Result<u64> {
    let mut sum = 0;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        // What is deleted meanwhile has no size.
        match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => sum += bytes_below(&entry.path())?,
            Ok(metadata) => sum += metadata.len(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(sum)
}

/// A text of a JSON object.
pub fn text(value: &Value, key: &str) -> Result<String> {
    let found = value[key].as_str().map(str::to_owned);
    found.ok_or_else(|| Problem::new(format!("`{key}` is missing in {value}")))
}
