//! What is compared.

use bulkhead_test_support::Result;

use crate::terminal::note;

/// Seconds by hand and through Bulkhead, one right after the other.
#[derive(Clone, Copy, Debug)]
pub struct Pair {
    /// By hand.
    pub by_hand: f64,
    /// Through Bulkhead.
    pub bulkhead: f64,
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
    context: &mut T,
    by_hand: impl Fn(&mut T) -> Result<f64>,
    bulkhead: impl Fn(&mut T, bool) -> Result<f64>,
) -> Result<Vec<Pair>> {
    let mut pairs = Vec::new();
    for run in 0..runs {
        let hand_first = run % 2 == 0;
        let before = if hand_first { by_hand(context)? } else { 0.0 };
        let through = bulkhead(context, run + 1 == runs)?;
        let pair = Pair { by_hand: if hand_first { before } else { by_hand(context)? }, bulkhead: through };
        note(&format!("by hand {:6.2} s   bulkhead {:6.2} s   ratio {:.3}", pair.by_hand, pair.bulkhead, pair.ratio()));
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
