//! Watching a job from the command line.

use std::thread;
use std::time::{Duration, Instant};

use bulkhead_test_support::{BulkheadHost, Problem, Result};

use super::act::DEADLINE;
use crate::terminal::{Bar, bytes};

/// Draws a job's progress until it succeeded.
pub fn follow(host: &BulkheadHost, job: &str) -> Result<()> {
    let started = Instant::now();
    let mut bar = Bar::default();
    while started.elapsed() < DEADLINE {
        let shown = host.json(&["job", "show", job])?;
        let status = shown["status"].as_str().unwrap_or_default();
        let phase = shown["phase"].as_str().filter(|phase| !phase.is_empty()).unwrap_or("waiting");
        let plain = shown["plain_bytes"].as_u64().unwrap_or(0);
        #[expect(clippy::cast_precision_loss, reason = "a bar of thirty cells")]
        let ratio = shown["expected_bytes"].as_u64().filter(|all| *all > 0).map(|all| plain as f64 / all as f64);
        match status {
            "Succeeded" => {
                bar.clear();
                return Ok(());
            }
            "Failed" | "Cancelled" => {
                bar.clear();
                return Err(Problem::new(format!("the job is {status}: {shown}\n{}", host.log_tail())));
            }
            _ => bar.show(phase, ratio, &format!("{} in {:.0} s", bytes(plain), started.elapsed().as_secs_f64())),
        }
        thread::sleep(Duration::from_millis(100));
    }
    Err(Problem::new("the job does not end"))
}
