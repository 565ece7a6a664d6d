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

/// What the logs of a run say of the time.
#[derive(Default)]
pub(super) struct Times {
    /// For each log until when everything that was committed is certain to be in it or before it.
    pub complete: Vec<Timestamp>,
    /// For each log the latest time that it, or one before it, says to be complete until. What was committed after it may still have been
    /// committed earlier, by a clock that was set back.
    pub claimed: Vec<Timestamp>,
    /// The earliest that one of them, or of those that follow, says.
    pub least: Option<Timestamp>,
}

/// Given the earliest that what follows the run says of itself.
///
/// What a log says of itself is what the server's clock said. When a later log says less, the clock was wrong before or is wrong since:
/// then nothing is taken from the earlier one, so that a plan goes on to the later one, unless the host's clock tells which is right.
pub(super) fn times(spans: &[&LogSpan], later: Option<Timestamp>) -> Times {
    let believed = believed(spans);
    let mut least = later;
    let mut complete = vec![None; spans.len()];
    let said = |at: usize| Some(spans[at].complete_until).filter(|_| believed[at]);
    for (at, complete) in complete.iter_mut().enumerate().rev() {
        let Some(said) = said(at) else { continue };
        *complete = Some(said).filter(|said| least.is_none_or(|least| *said <= least.plus(STEP)));
        least = Some(least.map_or(said, |least| least.min(said)));
    }
    Times { complete: latest(complete), claimed: latest((0..spans.len()).map(said)), least }
}

/// Of each the latest until there.
fn latest(times: impl IntoIterator<Item = Option<Timestamp>>) -> Vec<Timestamp> {
    let mut latest = UNKNOWN;
    let until = times.into_iter().map(|time| {
        latest = latest.max(time.unwrap_or(latest));
        latest
    });
    until.collect()
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
