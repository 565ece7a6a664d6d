//! What is compared.

use std::fs;

use bulkhead_test_support::Result;

use crate::terminal::note;

/// Seconds by hand and through Bulkhead, one right after the other.
#[derive(Clone, Copy, Debug)]
pub struct Pair {
    /// By hand.
    pub by_hand: f64,
    /// Through Bulkhead.
    pub bulkhead: f64,
    /// Seconds of processors that each took, the database server's included: they tell more on a machine that is busy otherwise.
    pub processors: [f64; 2],
}

/// Who works for a pair, by process.
#[derive(Clone, Copy, Debug, Default)]
pub struct Workers {
    /// The database server.
    pub server: Option<u32>,
    /// The host.
    pub host: Option<u32>,
}

impl Workers {
    /// Seconds of processors so far, by hand: those of this process's children that have ended.
    fn by_hand(self) -> f64 {
        used(Some(std::process::id())).1 + used(self.server).0
    }

    /// Through Bulkhead.
    fn bulkhead(self) -> f64 {
        let (own, children) = used(self.host);
        own + children + used(self.server).0
    }
}

/// A process's own seconds and those of its children that have ended; nothing where it is not known.
fn used(pid: Option<u32>) -> (f64, f64) {
    let stat = pid.and_then(|pid| fs::read_to_string(format!("/proc/{pid}/stat")).ok()).unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11);
    let ticks: Vec<f64> = fields.take(4).filter_map(|field| field.parse().ok()).collect();
    // A hundred a second, wherever Linux runs.
    match ticks.as_slice() {
        [user, system, children_user, children_system] => {
            ((user + system) / 100.0, (children_user + children_system) / 100.0)
        }
        _ => (0.0, 0.0),
    }
}

impl Pair {
    /// Above 1, Bulkhead is faster.
    pub fn ratio(&self) -> f64 {
        self.by_hand / self.bulkhead
    }
}

/// Measures in pairs; who goes first alternates. `bulkhead` is told whether it is the last.
pub fn pairs<T>(
    runs: usize,
    workers: Workers,
    context: &mut T,
    by_hand: impl Fn(&mut T) -> Result<f64>,
    bulkhead: impl Fn(&mut T, bool) -> Result<f64>,
) -> Result<Vec<Pair>> {
    let mut pairs = Vec::new();
    for run in 0..runs {
        let hand_first = run % 2 == 0;
        let hand = |context: &mut T| {
            let used = workers.by_hand();
            by_hand(context).map(|seconds| (seconds, workers.by_hand() - used))
        };
        let before = if hand_first { Some(hand(context)?) } else { None };
        let used = workers.bulkhead();
        let through = bulkhead(context, run + 1 == runs)?;
        let used = workers.bulkhead() - used;
        let (seconds, processors) = before.map_or_else(|| hand(context), Ok)?;
        let pair = Pair { by_hand: seconds, bulkhead: through, processors: [processors, used] };
        let [hand, through] = pair.processors;
        note(&format!(
            "by hand {:6.2} s   bulkhead {:6.2} s   ratio {:.3}   processors {hand:.2} s, {through:.2} s",
            pair.by_hand,
            pair.bulkhead,
            pair.ratio()
        ));
        pairs.push(pair);
    }
    Ok(pairs)
}

/// The middle one.
pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => values[odd / 2],
        even => f64::midpoint(values[even / 2 - 1], values[even / 2]),
    }
}

/// The value that so many of a hundred do not exceed.
pub fn percentile(values: &[f64], percent: usize) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let rank = (values.len() * percent).div_ceil(100).max(1) - 1;
    values.get(rank).copied().unwrap_or(0.0)
}
