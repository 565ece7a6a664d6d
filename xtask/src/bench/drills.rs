//! How long it takes to prove that a backup restores, beside how long it took to make it.

use std::sync::Arc;

use bulkhead_test_support::{HostOptions, MariaDb, Problem, Result};
use serde_json::json;

use super::jobs::{self, Jobs};
use super::place::Place;
use crate::terminal::{note, step};

/// Of one method.
pub struct Figures {
    /// The method.
    pub method: &'static str,
    /// Bytes before compression.
    pub plain_bytes: u64,
    /// Seconds of backup and of drill.
    pub runs: Vec<(f64, f64)>,
}

/// Backs up and drills.
pub fn measure(place: &Place, server: &Arc<MariaDb>, runs: usize) -> Result<Vec<Figures>> {
    let host = place.host(server, "", HostOptions::default())?;
    let mut jobs = Jobs::default();
    let mut all = Vec::new();
    for method in ["full", "dump"] {
        step(&format!("{runs} runs: backup and drill, {method}"));
        let mut figures = Figures { method, plain_bytes: 0, runs: Vec::new() };
        for _ in 0..runs {
            let made = jobs.backup(&host, method)?;
            let path = format!("/v1/backups/{}/verify", made.id);
            let (_, drill) = jobs.run(&host, &path, &json!({ "level": "drill" }))?;
            let shown = host.json(&["backup", "show", &made.id])?;
            if shown["verified_level"] != "drill" || !shown["suspect"].is_null() {
                return Err(Problem::new(format!("the drill found something: {shown}")));
            }
            note(&format!(
                "backup {:6.2} s   drill {drill:6.2} s   ratio {:.2}   {}",
                made.seconds,
                drill / made.seconds,
                shown["evidence"]
            ));
            figures.plain_bytes = made.plain_bytes;
            figures.runs.push((made.seconds, drill));
            jobs::delete(&host, &made.id)?;
        }
        all.push(figures);
    }
    Ok(all)
}
