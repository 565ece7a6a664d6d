//! What is to be transferred, and how it is measured: the same for the component and for the native client it is compared with.

use std::fs;
use std::io::{self, Read, Write};
use std::time::Instant;

use serde_json::{Value, json};

/// One object, put and got.
pub struct Order {
    /// The target, in the words of the plugin `s3`.
    pub config: Value,
    /// Its credentials.
    pub credentials: Value,
    /// The component's file.
    pub component: String,
    /// The object.
    pub key: String,
    /// Its size.
    pub bytes: u64,
}

impl Order {
    /// From standard input, as JSON.
    pub fn read() -> Self {
        let mut text = String::new();
        io::stdin().read_to_string(&mut text).expect("an order can be read");
        let order: Value = serde_json::from_str(&text).expect("the order is JSON");
        let text = |key: &str| order[key].as_str().unwrap_or_default().to_owned();
        Self {
            config: order["config"].clone(),
            credentials: order["credentials"].clone(),
            component: text("component"),
            key: text("key"),
            bytes: order["bytes"].as_u64().expect("the order says how many bytes"),
        }
    }
}

/// Writes so many bytes that nothing compresses.
pub fn noise(mut to: impl Write, bytes: u64) -> io::Result<()> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut piece = Vec::with_capacity(1 << 20);
    while piece.len() < 1 << 20 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        piece.extend_from_slice(&state.to_le_bytes());
    }
    let mut left = bytes;
    while left > 0 {
        let length = left.min(piece.len() as u64);
        to.write_all(&piece[..usize::try_from(length).unwrap_or(piece.len())])?;
        left -= length;
    }
    Ok(())
}

/// Time, processors and memory from here on.
pub struct Meter {
    began: Instant,
    processors: f64,
}

impl Meter {
    /// Begins.
    pub fn start() -> Self {
        // From now on the peak counts anew.
        fs::write("/proc/self/clear_refs", "5").expect("the memory's peak can be forgotten");
        Self { began: Instant::now(), processors: processors() }
    }

    /// What it took.
    pub fn stop(self) -> Value {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse().ok());
        let peak: u64 = peak.unwrap_or(0);
        let seconds = self.began.elapsed().as_secs_f64();
        json!({"seconds": seconds, "processors": processors() - self.processors, "peak_kib": peak})
    }
}

/// Seconds of processors that this process has used.
fn processors() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
    // A hundred a second, wherever Linux runs.
    fields.filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / 100.0
}
