//! Incremental backups.

use std::sync::Arc;

use bulkhead_test_support::{HostOptions, MariaDb, Problem, Result};

use super::by_hand;
use super::jobs::{self, Jobs};
use super::pair::{Pair, Workers, pairs};
use super::place::{Place, settle};
use crate::terminal::{bytes, note, step};

/// What was measured.
pub struct Figures {
    /// Bytes in the data directory.
    pub data_bytes: u64,
    /// Bytes of an increment.
    pub stream_bytes: u64,
    /// Increments.
    pub pairs: Vec<Pair>,
}

/// No limit of a chain is reached, and nothing is read a second time.
const METHODS: &str = "methods.full = { checksum_seconds = 0 }\n\
    methods.incremental = { checksum_seconds = 0, chain_length_max = 1000, chain_size_ratio_max = 1000, on_limit = \"refuse\" }";

/// Changes a fifth of the data, and copies what has changed, again and again from the same point.
pub fn measure(place: &Place, server: &Arc<MariaDb>, runs: usize) -> Result<Figures> {
    let host = place.host(server, METHODS, HostOptions::default())?;
    let mut jobs = Jobs::default();
    step(&format!("{runs} paired runs: incremental backup"));
    let full = jobs.backup(&host, "full")?;
    let shown = host.json(&["backup", "show", &full.id])?;
    let lsn = jobs::text(&shown["positions"], "lsn.to")?;
    // A third of the larger table.
    server.execute(
        "SET sql_log_bin = 0; SELECT MAX(id) DIV 3 INTO @third FROM bulk.documents;
         UPDATE bulk.documents SET title = CONCAT('changed ', id) WHERE id <= @third",
    )?;
    settle(server)?;

    let stream = by_hand::stream(server, &place.dir, &format!("--incremental-lsn={lsn}"))?;
    let pipeline = format!("{stream} | zstd -3 -T0 -q > '{}'", place.dir.join("by-hand.out").display());
    by_hand::shell(&pipeline)?;
    let mut seen = (jobs, 0);
    let pairs = pairs(
        runs,
        Workers { server: server.pid(), host: host.pid() },
        &mut seen,
        |_| by_hand::shell(&pipeline),
        |(jobs, stream_bytes), _| {
            let made = jobs.backup(&host, "incremental")?;
            let shown = host.json(&["backup", "show", &made.id])?;
            if shown["positions"]["lsn.from"] != lsn.as_str() {
                return Err(Problem::new(format!("not an increment from {lsn}: {shown}")));
            }
            *stream_bytes = made.plain_bytes;
            // The next one is to go on top of the same backup.
            jobs::delete(&host, &made.id)?;
            Ok(made.seconds)
        },
    )?;
    note(&format!("{} each", bytes(seen.1)));
    Ok(Figures { data_bytes: jobs::bytes_below(&server.data_dir())?, stream_bytes: seen.1, pairs })
}
