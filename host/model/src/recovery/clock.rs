//! Until when logs are complete, when the server's clock may have been wrong.

use std::time::Duration;

use super::LogSpan;
use crate::Timestamp;

/// By how much a clock may be set back without having been wrong.
const STEP: Duration = Duration::from_secs(2);
/// By how much the host's clock may differ from the server's before it is no witness for it.
const WITNESS: Duration = Duration::from_mins(1);
/// Nothing is known.
const UNKNOWN: Timestamp = Timestamp::from_micros(0);

/// For each log of a run until when everything that was committed is in it or before it, and the earliest that a log said of itself.
/// `later` is that of what follows the run.
///
/// What a log says of itself is what the server's clock said. When a later log says less, the clock was wrong before or is wrong since:
/// then nothing is taken from the earlier one, so that a plan goes on to the later one, unless the host's clock tells which is right.
pub(super) fn complete(spans: &[&LogSpan], later: Option<Timestamp>) -> (Vec<Timestamp>, Option<Timestamp>) {
    let believed = believed(spans);
    let mut least = later;
    let mut complete = vec![None; spans.len()];
    for ((complete, span), _) in complete.iter_mut().zip(spans).zip(&believed).rev().filter(|(_, believed)| **believed)
    {
        let said = span.complete_until;
        *complete = Some(said).filter(|said| least.is_none_or(|least| *said <= least.plus(STEP)));
        least = Some(least.map_or(said, |least| least.min(said)));
    }
    let mut until = UNKNOWN;
    let ascending = complete.into_iter().map(|complete| {
        until = until.max(complete.unwrap_or(until));
        until
    });
    (ascending.collect(), least)
}

/// Whether the host's clock said the same.
pub(super) fn is_witnessed(span: &LogSpan) -> bool {
    span.witness.is_some_and(|witness| {
        let said = span.complete_until;
        said.since(witness).max(witness.since(said)) <= WITNESS
    })
}

/// Which of them to listen to.
fn believed(spans: &[&LogSpan]) -> Vec<bool> {
    let mut most = UNKNOWN;
    let contradict = spans.iter().any(|span| {
        let back = span.complete_until.plus(STEP) < most;
        most = most.max(span.complete_until);
        back
    });
    let by_witness = contradict && spans.iter().any(|span| is_witnessed(span));
    spans.iter().map(|span| !by_witness || span.witness.is_none() || is_witnessed(span)).collect()
}
