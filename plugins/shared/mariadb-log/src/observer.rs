//! What a log that passes by holds.

use crate::event::{Body, Header, Kind};
use crate::gtid::{Gtid, State};
use crate::moment::{JITTER, LONG};
use crate::parser::{Ending, Keep, Parser, Visitor};
use crate::problem::Problem;

/// Reads along while a log is archived.
pub struct Observer {
    parser: Parser,
    watch: Watch,
    nothing: Vec<u8>,
}

/// How a log ended in good order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Closed {
    /// Goes on in this file.
    Rotate(String),
    /// The server was stopped.
    Stop,
}

/// What was seen so far, of whole transactions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observation {
    /// Stamp of the format event: when the server began the file.
    pub created: Option<u32>,
    /// What was logged before.
    pub start: State,
    /// What is logged up to `boundary`.
    pub end: State,
    /// The first transaction of each domain.
    pub firsts: State,
    /// Stamp of the first transaction, seconds since 1970.
    pub first: Option<u32>,
    /// The latest stamp of a transaction.
    pub last: Option<u32>,
    /// The stamp of the last transaction.
    pub newest: Option<u32>,
    /// Stamps that run backwards by more than a minute: the earliest that came after a later one, and the latest that came before an
    /// earlier one. Those that are ahead of the server's clock do not count.
    pub back: Option<(u32, u32)>,
    /// Whole transactions.
    pub transactions: u64,
    /// Position in the server's file up to which everything is whole: no transaction is open there.
    pub boundary: u64,
    /// The same in bytes of the stream.
    pub offset: u64,
    /// How the log ended; `None` while it goes on, and when its server died.
    pub closed: Option<Closed>,
    /// Stamp of the event by which it ended.
    pub closed_at: Option<u32>,
    /// Two transactions of one domain that came in the wrong order: the log cannot be replayed by GTID alone.
    pub backwards: Option<(Gtid, Gtid)>,
    /// Where the server noted that it lost events: what was logged before.
    pub incident: Option<State>,
}

/// Where in a transaction the log is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Group {
    /// In none.
    #[default]
    Outside,
    /// In one that ends with a commit.
    Open,
    /// In one that ends with its statement.
    Standalone,
}

impl Group {
    pub(crate) fn begin(standalone: bool) -> Self {
        if standalone { Self::Standalone } else { Self::Open }
    }

    /// Whether the transaction ends with this event.
    pub(crate) fn ends(self, header: &Header, commits: bool) -> bool {
        match self {
            Self::Outside => false,
            Self::Open => commits,
            Self::Standalone => !matches!(header.kind, Kind::Gtid | Kind::Prefix(_)),
        }
    }
}

impl Observer {
    /// For a whole log.
    pub fn whole() -> Self {
        Self::part(4, State::default())
    }

    /// For a log from a position on, where `state` was logged before.
    pub fn part(position: u64, state: State) -> Self {
        let seen = Observation { start: state.clone(), end: state, boundary: position, ..Observation::default() };
        let watch = Watch { seen, group: Group::Outside, open: None, clock: u32::MAX, highest: 0 };
        Self { parser: Parser::new(position), watch, nothing: Vec::new() }
    }

    /// What the server's clock can say at most while the log is written, when that is known.
    #[must_use]
    pub fn until(mut self, clock: Option<u32>) -> Self {
        self.watch.clock = clock.unwrap_or(u32::MAX).saturating_add(JITTER);
        self
    }

    /// Takes the next piece in.
    ///
    /// # Errors
    /// [`crate::ProblemKind::Corrupt`] for bytes that are no sound log, `Unsupported` for an encrypted one.
    pub fn feed(&mut self, piece: &[u8]) -> Result<(), Problem> {
        self.parser.feed(piece, &mut self.watch, &mut self.nothing)
    }

    /// What was seen so far.
    pub fn seen(&self) -> &Observation {
        &self.watch.seen
    }

    /// What was seen when no more comes.
    ///
    /// # Errors
    /// `Corrupt` when the log broke off inside an event.
    pub fn finish(self) -> Result<Observation, Problem> {
        if self.parser.is_whole() {
            Ok(self.watch.seen)
        } else {
            Err(Problem::corrupt(format!("the log breaks off in the event at {}", self.parser.position())))
        }
    }
}

struct Watch {
    seen: Observation,
    group: Group,
    /// The transaction that is open, and its stamp.
    open: Option<(Gtid, u32)>,
    /// Stamps after this are ahead of the server's clock.
    clock: u32,
    /// The latest stamp that is not.
    highest: u32,
}

impl Watch {
    /// The open transaction has turned out to be whole.
    fn commit(&mut self) {
        self.group = Group::Outside;
        let Some((gtid, stamp)) = self.open.take() else { return };
        let seen = &mut self.seen;
        if let Some(last) = seen.end.last_of(gtid.domain)
            && last.sequence >= gtid.sequence
            && seen.backwards.is_none()
        {
            seen.backwards = Some((last, gtid));
        }
        if seen.firsts.last_of(gtid.domain).is_none() {
            seen.firsts.advance(gtid);
        }
        seen.end.advance(gtid);
        seen.transactions += 1;
        seen.first = seen.first.or(Some(stamp));
        seen.last = seen.last.max(Some(stamp));
        seen.newest = Some(stamp);
        if stamp.saturating_add(LONG) < self.highest {
            let (earliest, _) = seen.back.unwrap_or((stamp, self.highest));
            seen.back = Some((earliest.min(stamp), self.highest));
        }
        if stamp <= self.clock {
            self.highest = self.highest.max(stamp);
        }
    }
}

impl Visitor for Watch {
    fn begin(&mut self, header: &Header, _start: u64, body: &Body) -> Result<Keep, Problem> {
        if header.kind.is_between() || header.kind == Kind::Gtid {
            // Whatever it looked like at its end: nothing of it can follow.
            self.commit();
        }
        match body {
            Body::Gtid { gtid, standalone } => {
                self.open = Some((*gtid, header.timestamp));
                self.group = Group::begin(*standalone);
            }
            Body::List(state) if self.seen.transactions == 0 => {
                self.seen.start.clone_from(state);
                self.seen.end.clone_from(state);
            }
            // One that is in no file names the file that comes.
            Body::Rotate(name) if header.end != 0 => {
                self.seen.closed = Some(Closed::Rotate(name.clone()));
                self.seen.closed_at = Some(header.timestamp);
            }
            _ => match header.kind {
                Kind::Stop => {
                    self.seen.closed = Some(Closed::Stop);
                    self.seen.closed_at = Some(header.timestamp);
                }
                Kind::Incident if self.seen.incident.is_none() => self.seen.incident = Some(self.seen.end.clone()),
                Kind::Format => self.seen.created = self.seen.created.or(Some(header.timestamp)),
                _ => {}
            },
        }
        Ok(Keep::Drop)
    }

    fn end(&mut self, header: &Header, ending: Ending, position: u64, offset: u64) -> Result<(), Problem> {
        if self.group.ends(header, ending.commits) {
            self.commit();
        }
        if self.group == Group::Outside {
            self.seen.boundary = position;
            self.seen.offset = offset;
        }
        Ok(())
    }
}
