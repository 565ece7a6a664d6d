//! The runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use bulkhead_test_support::{BulkheadHost, MariaDb, Problem, Result};
use serde_json::{Value, json};

use super::{SERVICE, by_hand};
use crate::outage::Outage;
use crate::terminal::note;

/// Seconds by hand and through Bulkhead, one right after the other.
#[derive(Clone, Copy, Debug)]
pub struct Pair {
    /// By hand.
    pub by_hand: f64,
    /// Through Bulkhead.
    pub bulkhead: f64,
}

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

/// How long a component takes.
#[derive(Clone, Debug)]
pub struct Component {
    /// Its name.
    pub name: String,
    /// Microseconds from the cache.
    pub load_us: u64,
    /// Microseconds to a fresh instance.
    pub instance_us: u64,
}

/// A server, a place for files, and what has been seen.
pub struct Bench<'a> {
    server: &'a Arc<MariaDb>,
    dir: PathBuf,
    runs: usize,
    memory: Memory,
    stream_bytes: u64,
    kept: Option<String>,
}

impl<'a> Bench<'a> {
    /// Nothing is measured yet.
    pub fn new(server: &'a Arc<MariaDb>, parent: &Path, runs: usize) -> Result<Self> {
        let dir = parent.join("by-hand");
        fs::create_dir_all(&dir)?;
        Ok(Self { server, dir, runs, memory: Memory::default(), stream_bytes: 0, kept: None })
    }

    /// Paired backups; who goes first alternates. The last of Bulkhead's backups is kept for [`Bench::restores`].
    pub fn backups(&mut self, host: &BulkheadHost, recipient: Option<&str>) -> Result<Vec<Pair>> {
        let stream = by_hand::stream(self.server, &self.dir)?;
        let encrypt = recipient.map(|recipient| format!("| age -r {recipient} ")).unwrap_or_default();
        let file = self.file();
        let pipeline = format!("{stream} | zstd -3 -T0 -q {encrypt}> '{}'", file.display());
        // Once unmeasured: files are in the page cache and code is loaded, for both.
        by_hand::shell(&pipeline)?;
        let mut pairs = Vec::new();
        for run in 0..self.runs {
            let hand_first = run % 2 == 0;
            let before = if hand_first { by_hand::shell(&pipeline)? } else { 0.0 };
            let (id, bulkhead) = self.backup(host)?;
            let by_hand = if hand_first { before } else { by_hand::shell(&pipeline)? };
            let keep = run + 1 == self.runs && recipient.is_none();
            if keep {
                self.kept = Some(id);
            } else {
                self.delete(host, &id)?;
            }
            note(&format!("by hand {by_hand:6.2} s   bulkhead {bulkhead:6.2} s   ratio {:.3}", by_hand / bulkhead));
            pairs.push(Pair { by_hand, bulkhead });
        }
        Ok(pairs)
    }

    /// Paired restores of an unencrypted backup, and how long the database was away in each of Bulkhead's.
    pub fn restores(&mut self, host: &BulkheadHost) -> Result<(Vec<Pair>, Vec<f64>)> {
        let id = self.kept.clone().ok_or_else(|| Problem::new("no backup was kept"))?;
        let file = self.file();
        by_hand::shell(&format!(
            "{} | zstd -3 -T0 -q > '{}'",
            by_hand::stream(self.server, &self.dir)?,
            file.display()
        ))?;
        let (mut pairs, mut downtimes) = (Vec::new(), Vec::new());
        for _ in 0..self.runs {
            let by_hand = by_hand::restore(self.server, &file)?;
            let outage = Outage::watch(self.server);
            let restored = self.restore(host, &id);
            let down = outage.end().as_secs_f64();
            let bulkhead = restored?;
            note(&format!(
                "by hand {by_hand:6.2} s   bulkhead {bulkhead:6.2} s   ratio {:.3}   down {down:.2} s",
                by_hand / bulkhead
            ));
            pairs.push(Pair { by_hand, bulkhead });
            downtimes.push(down);
        }
        Ok((pairs, downtimes))
    }

    /// The serving processes' memory over all runs.
    pub fn memory(&self) -> Memory {
        self.memory
    }

    /// Bytes of the last stream.
    pub fn stream_bytes(&self) -> u64 {
        self.stream_bytes
    }

    fn file(&self) -> PathBuf {
        self.dir.join("by-hand.out")
    }

    fn backup(&mut self, host: &BulkheadHost) -> Result<(String, f64)> {
        let body = json!({ "backup_type": "full", "schedule": "once", "service_id": SERVICE });
        let (answer, took) = self.job(host, "/v1/backups/schedules", &body)?;
        self.stream_bytes = answer["plain_bytes"].as_u64().unwrap_or(0);
        Ok((text(&answer, "backup_id")?, took))
    }

    fn restore(&mut self, host: &BulkheadHost, id: &str) -> Result<f64> {
        let (_, took) = self.job(host, "/v1/restores", &json!({ "service_id": SERVICE, "key": id }))?;
        Ok(took)
    }

    fn delete(&self, host: &BulkheadHost, id: &str) -> Result<()> {
        host.run(&["backup", "delete", id])?.ok()?;
        bulkhead_test_support::process::wait_until("the backup is deleted", Duration::from_secs(60), || {
            Ok((bytes_below(&host.bucket())? == 0).then_some(()))
        })
    }

    /// Asks for a job and watches it and the process to the end; gives the job as it ended and the seconds since it was asked for.
    fn job(&mut self, host: &BulkheadHost, path: &str, body: &Value) -> Result<(Value, f64)> {
        let authorization = format!("Authorization: Bearer {}", host.token("acme", "administrator")?);
        let headers = ["Content-Type: application/json", authorization.as_str()];
        let mut samples = Vec::new();
        let started = Instant::now();
        let asked = host.http("POST", path, &headers, body.to_string().as_bytes())?.json()?;
        let job = format!("/v1/jobs/{}", text(&asked, "job_id")?);
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

/// What the host says of its components, when its build says it: `bulkhead plugin list --json` with `load_us` and `instance_us`.
pub fn components(host: &BulkheadHost) -> Vec<Component> {
    let listed = host.json(&["plugin", "list"]).unwrap_or_default();
    let plugins = listed.as_array().or_else(|| listed["plugins"].as_array());
    let component = |plugin: &Value| {
        Some(Component {
            name: plugin["name"].as_str()?.to_owned(),
            load_us: plugin["load_us"].as_u64()?,
            instance_us: plugin["instance_us"].as_u64()?,
        })
    };
    plugins.into_iter().flatten().filter_map(component).collect()
}

/// Bytes of all files below a directory.
pub fn bytes_below(dir: &Path) -> Result<u64> {
    let mut sum = 0;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        sum += if metadata.is_dir() { bytes_below(&entry.path())? } else { metadata.len() };
    }
    Ok(sum)
}

fn text(value: &Value, key: &str) -> Result<String> {
    let found = value[key].as_str().map(str::to_owned);
    found.ok_or_else(|| Problem::new(format!("`{key}` is missing in {value}")))
}
