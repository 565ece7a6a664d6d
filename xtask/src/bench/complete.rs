//! Complete backups, encrypted ones, and restores.

use std::path::PathBuf;
use std::sync::Arc;

use bulkhead_test_support::{AgeKey, BulkheadHost, HostOptions, MariaDb, Result};
use serde_json::json;

use super::jobs::{self, Jobs, Memory};
use super::pair::{Pair, Workers, pairs};
use super::place::Place;
use super::{SERVICE, by_hand};
use crate::outage::Outage;
use crate::terminal::{note, step};

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

/// What was measured.
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
    pub memory: Memory,
    /// What the host says of loading components, if it says anything.
    pub components: Vec<Component>,
}

/// By hand nothing is read a second time to be summed up.
pub const NO_CHECKSUMS: &str = "methods.full = { checksum_seconds = 0 }";

/// Measures.
pub fn measure(place: &Place, server: &Arc<MariaDb>, runs: usize) -> Result<Figures> {
    let key = AgeKey::generate()?;
    let mut plain = place.host(server, NO_CHECKSUMS, HostOptions::default())?;
    let options = HostOptions {
        recipients: vec![key.recipient.clone()],
        identities: vec![key.identity()],
        ..HostOptions::default()
    };
    let encrypted = place.host(server, NO_CHECKSUMS, options)?;
    let mut bench = Bench { place, server, jobs: Jobs::default(), stream_bytes: 0, kept: String::new() };
    step(&format!("{runs} paired runs: backup"));
    let plain_pairs = bench.backups(&plain, runs, None)?;
    step(&format!("{runs} paired runs: backup, encrypted"));
    let encrypted_pairs = bench.backups(&encrypted, runs, Some(&key.recipient))?;
    step(&format!("{runs} paired runs: restore"));
    let (restores, downtimes) = bench.restores(&plain, runs)?;
    // The first start compiled the components; the second takes them from the cache.
    plain.launch(&[])?;
    Ok(Figures {
        data_bytes: jobs::bytes_below(&server.data_dir())?,
        stream_bytes: bench.stream_bytes,
        plain: plain_pairs,
        encrypted: encrypted_pairs,
        restores,
        downtimes,
        memory: bench.jobs.memory(),
        components: components(&plain),
    })
}

struct Bench<'a> {
    place: &'a Place,
    server: &'a Arc<MariaDb>,
    jobs: Jobs,
    stream_bytes: u64,
    kept: String,
}

impl Bench<'_> {
    /// The last of Bulkhead's backups without encryption is kept for [`Bench::restores`].
    fn backups(&mut self, host: &BulkheadHost, runs: usize, recipient: Option<&str>) -> Result<Vec<Pair>> {
        let stream = by_hand::stream(self.server, &self.place.dir, "")?;
        let encrypt = recipient.map(|recipient| format!("| age -r {recipient} ")).unwrap_or_default();
        let pipeline = format!("{stream} | zstd -3 -T0 -q {encrypt}> '{}'", self.file().display());
        // Once unmeasured: files are in the page cache and code is loaded, for both.
        by_hand::shell(&pipeline)?;
        pairs(
            runs,
            Workers { server: self.server.pid(), host: host.pid() },
            self,
            |_| by_hand::shell(&pipeline),
            |bench, is_last| {
                let made = bench.jobs.backup(host, "full")?;
                bench.stream_bytes = made.plain_bytes;
                if is_last && recipient.is_none() {
                    bench.kept = made.id;
                } else {
                    jobs::delete(host, &made.id)?;
                }
                Ok(made.seconds)
            },
        )
    }

    /// Paired restores of an unencrypted backup, and how long the database was away in each of Bulkhead's.
    fn restores(&mut self, host: &BulkheadHost, runs: usize) -> Result<(Vec<Pair>, Vec<f64>)> {
        let file = self.file();
        let stream = by_hand::stream(self.server, &self.place.dir, "")?;
        by_hand::shell(&format!("{stream} | zstd -3 -T0 -q > '{}'", file.display()))?;
        let mut downtimes = Vec::new();
        let pairs = pairs(
            runs,
            // The server is another process afterwards.
            Workers { server: None, host: host.pid() },
            &mut (self, &mut downtimes),
            |(bench, _)| by_hand::restore(bench.server, &file),
            |(bench, downtimes), _| {
                let outage = Outage::watch(bench.server);
                let body = json!({ "service_id": SERVICE, "key": bench.kept });
                let restored = bench.jobs.run(host, "/v1/restores", &body);
                let down = outage.end().as_secs_f64();
                let (_, took) = restored?;
                note(&format!("down {down:.2} s"));
                downtimes.push(down);
                Ok(took)
            },
        )?;
        Ok((pairs, downtimes))
    }

    fn file(&self) -> PathBuf {
        self.place.dir.join("by-hand.out")
    }
}

/// What the host says of its components, when its build says it: `bulkhead plugin list --json` with `load_us` and `instance_us`.
fn components(host: &BulkheadHost) -> Vec<Component> {
    let listed = host.json(&["plugin", "list"]).unwrap_or_default();
    let plugins = listed.as_array().or_else(|| listed["plugins"].as_array());
    let component = |plugin: &serde_json::Value| {
        Some(Component {
            name: plugin["name"].as_str()?.to_owned(),
            load_us: plugin["load_us"].as_u64()?,
            instance_us: plugin["instance_us"].as_u64()?,
        })
    };
    plugins.into_iter().flatten().filter_map(component).collect()
}
