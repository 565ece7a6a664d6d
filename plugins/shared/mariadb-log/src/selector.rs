//! Which transactions of a run of logs are replayed.

use crate::event::{Body, Header, IGNORABLE, Kind, MAGIC};
use crate::gtid::{Gtid, State};
use crate::moment::{Clock, Moment};
use crate::observer::Group;
use crate::parser::{Ending, Keep, Parser, Visitor};
use crate::problem::Problem;

/// A place in the logs of one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    /// The log's name.
    pub file: String,
    /// A position between transactions.
    pub position: u64,
}

/// From where on transactions are replayed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// What the base holds.
    pub state: State,
    /// The same in the server's own files, when the first logs are of the server that the base is of.
    pub point: Option<Point>,
}

/// Up to where transactions are replayed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// All there are.
    End,
    /// Those before the first one that is stamped with this second, or a later one, as far as stamps agree.
    Before(u32),
    /// In each of these domains up to and with this transaction; in others what was logged until then.
    With(State),
}

/// A log that is about to come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// The name of the server's file.
    pub file: String,
    /// Where in that file the first event after the format event begins; 4 for a whole file.
    pub position: u64,
    /// Position at which to stop reading: what follows is no whole transaction.
    pub limit: Option<u64>,
    /// What was logged before.
    pub state: State,
    /// Whether it goes on exactly where the one before it ended, of the same server.
    pub continues: bool,
    /// What the server's clock said around it.
    pub clock: Clock,
}

/// How far the replay has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// What the server holds then.
    pub state: State,
    /// Transactions that were passed on.
    pub transactions: u64,
    /// The last one, and its stamp.
    pub last: Option<(Gtid, u32)>,
}

/// Lets transactions through that lie between a start and a stop, each once, and notices when one is missing.
pub struct Selector {
    parser: Option<Parser>,
    choice: Choice,
    has_begun: bool,
}

struct Choice {
    stop: Stop,
    /// Of a stop in time: where it is found. The logs are read on after it, as they may contradict it.
    moment: Option<Moment>,
    /// From where on transactions count. Taken when it is reached.
    point: Option<Point>,
    /// What the base holds.
    base: State,
    log: Log,
    /// What the logs of this run hold so far, passed or not.
    run: State,
    /// Whether what comes lies past the point from which the run is passed as it is: no look at numbers is needed then.
    by_position: bool,
    group: Group,
    /// Whether the transaction that is open is passed.
    passes: bool,
    open: Option<(Gtid, u32)>,
    /// When its statements had ended, as far as they say.
    ended: u32,
    summary: Summary,
    has_reached: bool,
    has_passed: bool,
}

impl Selector {
    /// A selector for a run of logs.
    ///
    /// # Errors
    /// [`crate::ProblemKind::Conflict`] when the base holds more than is asked for.
    pub fn new(start: Start, stop: Stop) -> Result<Self, Problem> {
        if let Stop::With(target) = &stop {
            for gtid in target.iter() {
                if let Some(held) = start.state.last_of(gtid.domain).filter(|held| held.sequence > gtid.sequence) {
                    return Err(Problem::conflict(format!("the base holds {held} already, which comes after {gtid}")));
                }
            }
        }
        let summary = Summary { state: start.state.clone(), ..Summary::default() };
        let moment = match &stop {
            Stop::Before(second) => Some(Moment::new(*second)),
            _ => None,
        };
        let mut choice = Choice {
            stop,
            moment,
            point: start.point,
            base: start.state,
            log: Log {
                file: String::new(),
                position: 4,
                limit: None,
                state: State::default(),
                continues: false,
                clock: Clock::default(),
            },
            run: State::default(),
            by_position: false,
            group: Group::Outside,
            passes: false,
            open: None,
            ended: 0,
            summary,
            has_reached: false,
            has_passed: false,
        };
        choice.look_for_target();
        Ok(Self { parser: None, choice, has_begun: false })
    }

    /// Begins with a log; the one before it must have been closed. Until a transaction was passed, each log begins what is passed
    /// anew, and what came out before is not needed.
    ///
    /// # Errors
    /// [`crate::ProblemKind::Hole`] when transactions are missing before it.
    pub fn open(&mut self, log: Log) -> Result<(), Problem> {
        self.has_begun &= self.choice.has_passed;
        let choice = &mut self.choice;
        if choice.has_reached {
            return Ok(());
        }
        if self.parser.is_some() && log.continues {
            choice.follow(&log)?;
        } else {
            choice.join(&log)?;
        }
        choice.log = log;
        self.parser = Some(Parser::new(choice.log.position));
        Ok(())
    }

    /// Takes the next piece of the log in. What is passed goes to `out`, all logs as one.
    ///
    /// # Errors
    /// `Corrupt` and `Unsupported` as [`crate::Observer::feed`], `Hole`, and `Conflict` when base and logs contradict each other.
    pub fn feed(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<(), Problem> {
        let Some(parser) = &mut self.parser else { return Ok(()) };
        if !self.has_begun {
            out.extend_from_slice(&MAGIC);
            self.has_begun = true;
        }
        let fed = parser.feed(piece, &mut self.choice, out);
        fed.map_err(|problem| Problem { message: format!("{}: {}", self.choice.log.file, problem.message), ..problem })
    }

    /// Whether a transaction was passed.
    pub fn has_passed(&self) -> bool {
        self.choice.has_passed
    }

    /// Whether nothing more of this log is wanted.
    pub fn has_enough(&self) -> bool {
        self.choice.has_reached || self.parser.as_ref().is_some_and(Parser::has_ended)
    }

    /// Whether the stop is reached: no later log has to be read. A stop in time is never: what follows may contradict it.
    pub fn has_reached(&self) -> bool {
        self.choice.has_reached
    }

    /// The log has come to its end.
    ///
    /// # Errors
    /// `Corrupt` when it broke off.
    pub fn close(&mut self) -> Result<(), Problem> {
        if self.has_enough() {
            return Ok(());
        }
        let file = &self.choice.log.file;
        match &self.parser {
            Some(parser) if !parser.is_whole() => {
                Err(Problem::corrupt(format!("{file}: the log breaks off in the event at {}", parser.position())))
            }
            _ if self.choice.group != Group::Outside => {
                Err(Problem::corrupt(format!("{file}: the log breaks off in a transaction")))
            }
            _ => {
                self.choice.settle();
                Ok(())
            }
        }
    }

    /// How far it came.
    pub fn summary(&self) -> &Summary {
        &self.choice.summary
    }

    /// What the replay has come to, when no more logs come.
    ///
    /// # Errors
    /// `Hole` when the start is in none of the logs, `Conflict` when the stop is a transaction that none of them holds, `Ambiguous` when it
    /// is a moment that their stamps do not agree on.
    pub fn finish(self) -> Result<Summary, Problem> {
        let Choice { stop, moment, point, log, summary, has_reached, .. } = self.choice;
        if let Some(point) = point
            && self.parser.is_some()
            && !has_reached
        {
            return Err(Problem::hole(format!(
                "the base ends at {} position {}, and the logs do not come so far",
                point.file, point.position
            )));
        }
        if let Some(moment) = moment {
            moment.check(log.clock)?;
        }
        match stop {
            Stop::With(target) if !has_reached => Err(Problem::conflict(format!(
                "the logs do not come to {target}; they end at {}",
                named(&summary.state)
            ))),
            _ => Ok(summary),
        }
    }
}

impl Choice {
    /// A log that goes on where the one before it ended.
    fn follow(&mut self, log: &Log) -> Result<(), Problem> {
        if self.run.continues_as(&log.state) {
            return Ok(());
        }
        Err(Problem::hole(format!(
            "transactions are missing before {}: it begins after {}, and the logs before it end at {}",
            log.file,
            named(&log.state),
            named(&self.run)
        )))
    }

    /// A log of another run, or the first.
    fn join(&mut self, log: &Log) -> Result<(), Problem> {
        self.by_position = false;
        self.run.clone_from(&log.state);
        if let Some(point) = &self.point {
            if log.file == point.file && log.position <= point.position || numbered(&log.file) < numbered(&point.file) {
                return Ok(());
            }
            if log.file == point.file {
                return Err(Problem::hole(format!(
                    "transactions are missing: the base ends at {} position {}, and its log begins at {}",
                    point.file, point.position, log.position
                )));
            }
            // The base may end with its file.
            self.point = None;
            self.by_position = self.run.is_at(&self.base);
        }
        let held = &self.summary.state;
        if held.covers(&log.state) {
            return log.state.domains().try_for_each(|domain| {
                match (held.last_of(domain), log.state.last_of(domain)) {
                    (Some(held), Some(begins)) => same_or_other(held, begins),
                    _ => Ok(()),
                }
            });
        }
        Err(Problem::hole(format!(
            "transactions are missing before {}: it begins after {}, and what was restored until then ends at {}",
            log.file,
            named(&log.state),
            named(held)
        )))
    }

    /// Decides about a transaction.
    fn choose(&mut self, gtid: Gtid, stamp: u32, start: u64) -> Result<Keep, Problem> {
        if let Some(point) = &self.point {
            if self.log.file != point.file || start < point.position {
                return Ok(Keep::Drop);
            }
            self.leave_point()?;
        }
        if self.is_past() {
            // Only its stamp counts.
            return Ok(Keep::Drop);
        }
        let before = self.run.last_of(gtid.domain);
        if !self.by_position {
            if let Some(before) = before.filter(|before| before.sequence >= gtid.sequence) {
                return Err(Problem::unsupported(format!(
                    "{gtid} comes after {before}: transactions whose numbers go backwards cannot be told apart by GTID; \
                     a server with gtid_strict_mode = ON does not log such"
                )));
            }
            if let Some(held) = self.summary.state.last_of(gtid.domain).filter(|held| held.sequence >= gtid.sequence) {
                same_or_other(held, gtid)?;
                return Ok(Keep::Drop);
            }
            if before.is_none() {
                self.expect_next(gtid)?;
            }
        }
        match &self.stop {
            Stop::Before(_) => {
                let (clock, passed) = (self.log.clock, &self.summary.state);
                let is_before = self.moment.as_mut().is_none_or(|moment| moment.is_before(gtid, stamp, clock, passed));
                Ok(if is_before { Keep::Pass } else { Keep::Drop })
            }
            Stop::With(target) => Ok(match target.last_of(gtid.domain) {
                Some(last) if gtid.sequence > last.sequence => Keep::Drop,
                Some(last) if gtid.sequence == last.sequence && gtid.server != last.server => {
                    return Err(Problem::conflict(format!("the logs hold {gtid} in the place of {last}")));
                }
                _ => Keep::Pass,
            }),
            Stop::End => Ok(Keep::Pass),
        }
    }

    /// Whether the moment has been passed, if one is looked for.
    fn is_past(&self) -> bool {
        self.moment.as_ref().is_some_and(Moment::is_found)
    }

    /// A domain of which the run's first log says nothing: a server that began as a copy of another does not know in its own logs what
    /// came before. Then only the numbers tell whether something is missing.
    fn expect_next(&self, gtid: Gtid) -> Result<(), Problem> {
        let held = self.summary.state.last_of(gtid.domain).map_or(0, |held| held.sequence);
        if gtid.sequence <= held + 1 {
            return Ok(());
        }
        Err(Problem::hole(format!(
            "transactions are missing: the first one of domain {} in these logs is {gtid}, and what was restored until then ends at {}",
            gtid.domain,
            named(&self.summary.state)
        )))
    }

    /// The logs have come to where the base ends.
    fn leave_point(&mut self) -> Result<(), Problem> {
        let Some(point) = self.point.take() else { return Ok(()) };
        if !self.run.is_at(&self.base) {
            return Err(Problem::conflict(format!(
                "the base says that it ends at {}, but at its position {} in {} the log has come to {}",
                named(&self.base),
                point.position,
                point.file,
                named(&self.run)
            )));
        }
        self.by_position = true;
        // All servers that ever wrote are known now, not only the last of each domain.
        self.summary.state.clone_from(&self.run);
        Ok(())
    }

    /// The transaction that was open has turned out to be whole.
    fn settle(&mut self) {
        self.group = Group::Outside;
        let Some((gtid, stamp)) = self.open.take() else { return };
        self.run.advance(gtid);
        if self.passes {
            self.passes = false;
            self.summary.state.advance(gtid);
            self.summary.transactions += 1;
            self.summary.last = Some((gtid, stamp));
            self.look_for_target();
        } else if let Some(moment) = &mut self.moment {
            moment.left(gtid, stamp, self.ended, self.log.clock);
        }
    }

    fn look_for_target(&mut self) {
        if let Stop::With(target) = &self.stop {
            self.has_reached = self.summary.state.covers(target);
        }
    }
}

impl Visitor for Choice {
    fn begin(&mut self, header: &Header, start: u64, body: &Body) -> Result<Keep, Problem> {
        if header.kind.is_between() || header.kind == Kind::Gtid {
            self.settle();
        }
        if self.has_reached {
            return Ok(Keep::End);
        }
        if self.log.limit.is_some_and(|limit| start >= limit) && header.kind != Kind::Format {
            return Ok(Keep::End);
        }
        match (header.kind, body) {
            // The tool needs them to read what follows.
            (Kind::Format, _) => Ok(if self.is_past() { Keep::Drop } else { Keep::Pass }),
            (_, Body::List(state)) => {
                if header.end != 0 && self.log.position == 4 && !self.run.continues_as(state) {
                    return Err(Problem::hole(format!(
                        "the log begins after {}, and not after {}",
                        named(state),
                        named(&self.run)
                    )));
                }
                Ok(Keep::Drop)
            }
            (_, Body::Gtid { gtid, standalone }) => {
                let keep = self.choose(*gtid, header.timestamp, start)?;
                self.passes = keep == Keep::Pass;
                self.has_passed |= self.passes;
                self.open = Some((*gtid, header.timestamp)).filter(|_| keep != Keep::End);
                self.ended = 0;
                self.group = Group::begin(*standalone);
                Ok(keep)
            }
            (Kind::Incident, _) => {
                if self.is_past() {
                    return Ok(Keep::Drop);
                }
                if let Some(point) = &self.point
                    && (self.log.file != point.file || start < point.position)
                {
                    return Ok(Keep::Drop);
                }
                Err(Problem::corrupt(format!("at {start} the server notes that it lost transactions")))
            }
            (kind, _) if kind.is_between() => Ok(Keep::Drop),
            _ if self.group == Group::Outside && header.flags & IGNORABLE != 0 => Ok(Keep::Drop),
            _ if self.group == Group::Outside => {
                Err(Problem::unsupported(format!("the event at {start} belongs to no transaction with a GTID")))
            }
            _ => Ok(if self.passes { Keep::Pass } else { Keep::Drop }),
        }
    }

    fn end(&mut self, header: &Header, ending: Ending, position: u64, _offset: u64) -> Result<(), Problem> {
        if let Some(seconds) = ending.seconds {
            self.ended = self.ended.max(header.timestamp.saturating_add(seconds));
        }
        if self.group.ends(header, ending.commits) {
            self.settle();
        }
        // Nothing may follow it: what is at the point is known now.
        if self.point.as_ref().is_some_and(|point| {
            self.group == Group::Outside && self.log.file == point.file && position == point.position
        }) {
            self.leave_point()?;
        }
        Ok(())
    }
}

/// Two transactions of one number have to be the same one.
fn same_or_other(held: Gtid, other: Gtid) -> Result<(), Problem> {
    if held.sequence != other.sequence || held.server == other.server {
        return Ok(());
    }
    Err(Problem::conflict(format!("the logs hold {other} in the place of {held}: they are of another history")))
}

/// For messages.
fn named(state: &State) -> String {
    if state.is_empty() { "the very beginning".to_owned() } else { state.to_string() }
}

/// The number at the end of a log's name, by which logs of one server follow each other.
fn numbered(file: &str) -> Option<u64> {
    file.rsplit_once('.')?.1.parse().ok()
}
