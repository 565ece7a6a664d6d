//! Where in the logs a moment is found.
//!
//! The order is that of the log. A stamp is what a session says: it is the time at which its statement began, or whatever the session
//! has set with `SET timestamp`. So a stamp counts only where nothing contradicts it:
//!
//! - one that is later than the server's clock after the log was written is *ahead*, and one that is earlier than the clock before the log
//!   was begun is *behind*. Neither says when its transaction was committed;
//! - the moment is before the first transaction that is stamped with its second or later, unless one that comes later in the log has an
//!   earlier stamp. A difference of two seconds is what sessions that commit side by side make. More is taken for a statement that ran
//!   for long when the log proves that, or when three transactions on each side of it agree that the moment has passed. Otherwise nothing
//!   tells which stamp is right, and the moment is refused.

use crate::gtid::{Gtid, State};
use crate::problem::Problem;
use crate::stamp;

/// Seconds by which the stamps of sessions that commit side by side may be in another order than the log.
pub(crate) const JITTER: u32 = 2;
/// Seconds by which a later stamp has to be earlier before it speaks against one, when both are past the moment.
pub(crate) const LONG: u32 = 60;
/// How many transactions before and after one have to agree that the moment has passed, before its own stamp is not believed.
const AGREEING: u32 = 3;

/// What the server's clock said around a log, as far as that is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clock {
    /// Not later than the first transaction.
    pub before: Option<u32>,
    /// All that was committed by then is in this log, or in one before it.
    pub complete: Option<u32>,
    /// Not earlier than the last transaction.
    pub after: Option<u32>,
}

/// What a stamp says of when its transaction was committed.
enum Word {
    /// Nothing: it is later than the clock ever was.
    Ahead,
    /// Not much: it is earlier than the clock ever was.
    Behind,
    /// Not before then.
    Said(u32),
}

/// The search for a second.
pub(crate) struct Moment {
    second: u32,
    /// What was passed before the transactions that are stamped ahead of the clock, and that nothing has told the time of yet; and the
    /// first of them.
    unsure: Option<(State, Gtid)>,
    found: Option<Found>,
}

/// The first transaction that is stamped with the second or later.
struct Found {
    gtid: Gtid,
    stamp: u32,
    /// What was passed before it.
    before: State,
    /// What the logs have come to since.
    state: State,
    /// Transactions without a break that agree with it.
    agreeing: u32,
    /// Whether one does not, and too few have agreed since.
    pending: bool,
    /// Whether its stamp cannot be believed.
    contradicted: bool,
    /// The last one that is stamped before the moment, and what the logs have come to with it.
    early: Option<Other>,
    /// The first one that is stamped after it, but long before this one, and what the logs have come to before it.
    back: Option<Other>,
}

struct Other {
    gtid: Gtid,
    stamp: u32,
    state: State,
}

impl Moment {
    pub(crate) fn new(second: u32) -> Self {
        Self { second, unsure: None, found: None }
    }

    /// Whether nothing more is passed.
    pub(crate) fn is_found(&self) -> bool {
        self.found.is_some()
    }

    /// Whether a transaction comes before the moment, given what was passed before it.
    pub(crate) fn is_before(&mut self, gtid: Gtid, stamp: u32, clock: Clock, passed: &State) -> bool {
        if self.found.is_some() {
            return false;
        }
        match word(stamp, clock) {
            Word::Ahead => {
                self.unsure.get_or_insert_with(|| (passed.clone(), gtid));
            }
            Word::Behind => {}
            Word::Said(stamp) if stamp < self.second => self.unsure = None,
            Word::Said(stamp) => {
                let (before, state) = (passed.clone(), passed.clone());
                let (agreeing, pending, contradicted) = (0, false, false);
                let (early, back) = (None, None);
                self.found = Some(Found { gtid, stamp, before, state, agreeing, pending, contradicted, early, back });
                return false;
            }
        }
        true
    }

    /// A transaction that was left out has ended. `ended` is when its statements had ended, as far as the log says.
    pub(crate) fn left(&mut self, gtid: Gtid, stamp: u32, ended: u32, clock: Clock) {
        let Some(found) = &mut self.found else { return };
        // Logs of two servers may both hold it.
        if found.state.last_of(gtid.domain).is_some_and(|last| last.sequence >= gtid.sequence) {
            return;
        }
        if gtid == found.gtid {
            found.state.advance(gtid);
            return;
        }
        let Word::Said(said) = word(stamp, clock) else {
            found.state.advance(gtid);
            return;
        };
        let early = said.saturating_add(JITTER) < self.second && ended < self.second;
        let back = said.saturating_add(LONG) < found.stamp && ended.saturating_add(LONG) < found.stamp;
        if back && !early && found.back.is_none() {
            found.back = Some(Other { gtid, stamp, state: found.state.clone() });
        }
        found.state.advance(gtid);
        if early {
            found.early = Some(Other { gtid, stamp, state: found.state.clone() });
        }
        if early || back {
            found.contradicted |= found.pending || found.agreeing < AGREEING;
            found.pending = true;
            found.agreeing = 0;
        } else {
            found.agreeing += 1;
            found.pending &= found.agreeing < AGREEING;
        }
    }

    /// All logs were read, the last one with this clock.
    pub(crate) fn check(&self, clock: Clock) -> Result<(), Problem> {
        let when = stamp::text(self.second);
        if let Some((before, ahead)) = &self.unsure {
            let (until, after) = match &self.found {
                Some(found) => (
                    format!("and {}, the next one, is stamped {}", found.gtid, stamp::text(found.stamp)),
                    format!(", {} is before {}", named(&found.before), found.gtid),
                ),
                // The moment is the end of the logs: whatever is in them came before it.
                None if clock.complete.is_some_and(|complete| self.second >= complete) => return Ok(()),
                None => ("and no later one tells the time".to_owned(), String::new()),
            };
            return Err(Problem::ambiguous(format!(
                "{when} cannot be found in the logs: the stamp of {ahead} is ahead of the server's clock, {until}, so that it may have \
                 been committed before that moment or after it; GTIDs to choose from: {} is before {ahead}{after}",
                named(before),
            )));
        }
        let Some(found) = self.found.as_ref().filter(|found| found.contradicted || found.pending) else {
            return Ok(());
        };
        let (other, choice) = match (&found.early, &found.back) {
            (Some(early), _) => {
                (early, format!("{} is with the last one that is stamped earlier", named(&early.state)))
            }
            (None, Some(back)) => (back, format!("{} is before {}", named(&back.state), back.gtid)),
            (None, None) => return Ok(()),
        };
        Err(Problem::ambiguous(format!(
            "{when} cannot be found in the logs, as stamps run backwards there: {} is stamped {}, and {}, which comes after it, {}; GTIDs \
             to choose from: {} is before the first one that is stamped later, {choice}",
            found.gtid,
            stamp::text(found.stamp),
            other.gtid,
            stamp::text(other.stamp),
            named(&found.before),
        )))
    }
}

fn word(stamp: u32, clock: Clock) -> Word {
    if clock.after.is_some_and(|after| stamp > after.saturating_add(JITTER)) {
        Word::Ahead
    } else if clock.before.is_some_and(|before| stamp.saturating_add(JITTER) < before) {
        Word::Behind
    } else {
        Word::Said(stamp)
    }
}

/// As a restore takes it: the last transaction of each domain.
fn named(state: &State) -> String {
    let last: Vec<String> =
        state.domains().filter_map(|domain| state.last_of(domain)).map(|gtid| gtid.to_string()).collect();
    if last.is_empty() { "the base alone".to_owned() } else { last.join(",") }
}
