//! Takes a log apart into events while it comes.

use crc32fast::Hasher;

use crate::event::{self, Body, CHECKSUM, HEADER, Header, Kind, MAGIC};
use crate::problem::Problem;

/// The longest event: a packet of the most that a server takes, and what stands around it.
const MAX_EVENT: u32 = (1 << 30) + (64 << 20);
/// The longest event that is read.
const MAX_READ: u32 = 16 << 20;
/// Bytes of a statement's beginning that are read: the session, and for how long it ran.
const HEAD: usize = 8;
/// The longest that a statement is believed to have run. The server counts from the stamp, which a session may set.
const RAN: u32 = 30 * 86_400;
/// Bytes of a statement's end by which it is known, with the checksum.
const TAIL: usize = 9 + CHECKSUM;

/// What becomes of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    Pass,
    Drop,
    /// Nothing from here on is looked at.
    End,
}

/// How an event has ended.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ending {
    /// Whether it is a statement that ends a transaction, or does so by its kind.
    pub(crate) commits: bool,
    /// Of a statement: for how many seconds it ran, unless it says something that cannot be.
    pub(crate) seconds: Option<u32>,
}

/// Decides about events.
pub(crate) trait Visitor {
    /// An event that begins at `start` in the server's file. Of those kinds whose body is read it is sound and complete.
    fn begin(&mut self, header: &Header, start: u64, body: &Body) -> Result<Keep, Problem>;

    /// The event has ended and is sound. `offset` counts the bytes of the stream.
    fn end(&mut self, header: &Header, ending: Ending, position: u64, offset: u64) -> Result<(), Problem>;
}

enum Place {
    Magic,
    Header,
    /// In a body that is kept until it is complete.
    Read,
    /// In a body that flows through.
    Body,
    /// Past the end of what was asked for.
    End,
}

/// The state between two pieces.
pub(crate) struct Parser {
    place: Place,
    /// Bytes of the event, or of the magic, that have come.
    have: usize,
    bytes: [u8; HEADER],
    header: Option<Header>,
    body: Vec<u8>,
    head: Vec<u8>,
    tail: Vec<u8>,
    hasher: Hasher,
    checksums: bool,
    has_format: bool,
    keep: Keep,
    /// Where the next event begins in the server's file.
    position: u64,
    /// Bytes of the stream up to the last whole event.
    offset: u64,
}

impl Parser {
    /// For a log whose first event after the format event begins at `position` in the server's file; 4 for a whole file.
    pub(crate) fn new(position: u64) -> Self {
        Self {
            place: Place::Magic,
            have: 0,
            bytes: [0; HEADER],
            header: None,
            body: Vec::new(),
            head: Vec::with_capacity(HEAD),
            tail: Vec::new(),
            hasher: Hasher::new(),
            checksums: false,
            has_format: false,
            keep: Keep::Drop,
            position,
            offset: 0,
        }
    }

    /// Whether what came ends where an event ends.
    pub(crate) fn is_whole(&self) -> bool {
        self.has_format && self.have == 0
    }

    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.place, Place::End)
    }

    /// Where the next event begins in the server's file.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// Takes the next piece in. What the visitor passes goes to `out`, without the magic.
    pub(crate) fn feed(
        &mut self,
        mut input: &[u8],
        visitor: &mut impl Visitor,
        out: &mut Vec<u8>,
    ) -> Result<(), Problem> {
        while !input.is_empty() {
            match self.place {
                Place::End => return Ok(()),
                Place::Magic => self.magic(&mut input)?,
                Place::Header => self.header(&mut input, visitor, out)?,
                Place::Read => self.read(&mut input, visitor, out)?,
                Place::Body => self.flow(&mut input, visitor, out)?,
            }
        }
        Ok(())
    }

    fn magic(&mut self, input: &mut &[u8]) -> Result<(), Problem> {
        let taken = take(input, MAGIC.len() - self.have);
        if taken != &MAGIC[self.have..][..taken.len()] {
            return Err(Problem::corrupt("the bytes are no binary log: they do not begin as one does"));
        }
        self.have += taken.len();
        if self.have == MAGIC.len() {
            self.have = 0;
            self.offset = MAGIC.len() as u64;
            self.place = Place::Header;
        }
        Ok(())
    }

    fn header(&mut self, input: &mut &[u8], visitor: &mut impl Visitor, out: &mut Vec<u8>) -> Result<(), Problem> {
        let taken = take(input, HEADER - self.have);
        self.bytes[self.have..][..taken.len()].copy_from_slice(taken);
        self.have += taken.len();
        if self.have < HEADER {
            return Ok(());
        }
        let header = Header::read(&self.bytes);
        self.judge(&header)?;
        self.header = Some(header);
        self.hasher = Hasher::new();
        self.hasher.update(&event::for_checksum(self.bytes));
        if header.kind.is_read() {
            self.body.clear();
            self.place = Place::Read;
            if header.length as usize == HEADER {
                return self.read(&mut &[][..], visitor, out);
            }
            return Ok(());
        }
        self.keep = visitor.begin(&header, self.position, &Body::Nothing)?;
        match self.keep {
            Keep::Pass => out.extend_from_slice(&self.bytes),
            Keep::Drop => {}
            Keep::End => {
                self.place = Place::End;
                return Ok(());
            }
        }
        self.head.clear();
        self.tail.clear();
        self.place = Place::Body;
        if header.length as usize == HEADER { self.complete(&header, visitor) } else { Ok(()) }
    }

    fn judge(&self, header: &Header) -> Result<(), Problem> {
        let at = self.position;
        let least = HEADER + if self.checksums { CHECKSUM } else { 0 };
        let most = if header.kind.is_read() { MAX_READ } else { MAX_EVENT };
        if (header.length as usize) < least || header.length > most {
            return Err(Problem::corrupt(format!("the event at {at} says that it has {} bytes", header.length)));
        }
        if !self.has_format && header.kind != Kind::Format {
            return Err(Problem::corrupt("the log does not begin with a format event"));
        }
        #[expect(clippy::cast_possible_truncation, reason = "the format keeps the lower 32 bits")]
        let end = (at + u64::from(header.length)) as u32;
        if header.end != 0 && header.end != end {
            return Err(Problem::corrupt(format!("the event at {at} says that it ends at {}, not {end}", header.end)));
        }
        Ok(())
    }

    fn read(&mut self, input: &mut &[u8], visitor: &mut impl Visitor, out: &mut Vec<u8>) -> Result<(), Problem> {
        let Some(header) = self.header else { return Ok(()) };
        let taken = take(input, header.length as usize - self.have);
        self.body.extend_from_slice(taken);
        self.have += taken.len();
        if self.have < header.length as usize {
            return Ok(());
        }
        let body = if header.kind == Kind::Format {
            let body = event::body(&header, &self.body)?;
            // It carries a checksum also in logs that have none.
            self.verify(&header)?;
            self.checksums = body == Body::Checksums(true);
            self.has_format = true;
            body
        } else {
            let checksum = if self.checksums { CHECKSUM } else { 0 };
            if self.checksums {
                self.verify(&header)?;
            }
            event::body(&header, &self.body[..self.body.len() - checksum])?
        };
        match visitor.begin(&header, self.position, &body)? {
            Keep::Pass => {
                out.extend_from_slice(&self.bytes);
                out.extend_from_slice(&self.body);
            }
            Keep::Drop => {}
            Keep::End => {
                self.place = Place::End;
                return Ok(());
            }
        }
        self.close(&header, Ending::default(), visitor)
    }

    fn verify(&self, header: &Header) -> Result<(), Problem> {
        let (body, checksum) = self.body.split_at(self.body.len().saturating_sub(CHECKSUM));
        let mut hasher = self.hasher.clone();
        hasher.update(body);
        compare(hasher, checksum, header, self.position)
    }

    fn flow(&mut self, input: &mut &[u8], visitor: &mut impl Visitor, out: &mut Vec<u8>) -> Result<(), Problem> {
        let Some(header) = self.header else { return Ok(()) };
        let taken = take(input, header.length as usize - self.have);
        if self.keep == Keep::Pass {
            out.extend_from_slice(taken);
        }
        if self.checksums {
            let covered = (header.length as usize - CHECKSUM).saturating_sub(self.have).min(taken.len());
            self.hasher.update(&taken[..covered]);
        }
        self.have += taken.len();
        self.head.extend_from_slice(&taken[..taken.len().min(HEAD - self.head.len())]);
        self.tail.extend_from_slice(&taken[taken.len().saturating_sub(TAIL)..]);
        self.tail.drain(..self.tail.len().saturating_sub(TAIL));
        if self.have == header.length as usize { self.complete(&header, visitor) } else { Ok(()) }
    }

    fn complete(&mut self, header: &Header, visitor: &mut impl Visitor) -> Result<(), Problem> {
        let mut end = self.tail.as_slice();
        if self.checksums {
            let (before, checksum) = end.split_at(end.len().saturating_sub(CHECKSUM));
            compare(self.hasher.clone(), checksum, header, self.position)?;
            end = before;
        }
        // As the server itself knows them: the statement is the end of the event, with the database's name and a zero before it.
        let commits = match header.kind {
            Kind::Xid | Kind::XaPrepare => true,
            Kind::Query => end.ends_with(b"\0COMMIT") || end.ends_with(b"\0ROLLBACK"),
            _ => false,
        };
        let seconds = match (header.kind, self.head.as_slice()) {
            (Kind::Query, [_, _, _, _, a, b, c, d]) => Some(u32::from_le_bytes([*a, *b, *c, *d])),
            _ => None,
        };
        self.close(header, Ending { commits, seconds: seconds.filter(|seconds| *seconds <= RAN) }, visitor)
    }

    fn close(&mut self, header: &Header, ending: Ending, visitor: &mut impl Visitor) -> Result<(), Problem> {
        let end = self.position + u64::from(header.length);
        // One that is in no file stands for nothing there.
        #[expect(clippy::cast_possible_truncation, reason = "the format keeps the lower 32 bits")]
        if header.end == end as u32 {
            self.position = end;
        }
        self.offset += u64::from(header.length);
        self.have = 0;
        self.header = None;
        self.place = Place::Header;
        visitor.end(header, ending, self.position, self.offset)
    }
}

fn compare(hasher: Hasher, checksum: &[u8], header: &Header, at: u64) -> Result<(), Problem> {
    if hasher.finalize().to_le_bytes() == checksum {
        return Ok(());
    }
    Err(Problem::corrupt(format!("the checksum of the event at {at}, {} bytes long, does not fit", header.length)))
}

fn take<'a>(input: &mut &'a [u8], most: usize) -> &'a [u8] {
    let (taken, rest) = input.split_at(most.min(input.len()));
    *input = rest;
    taken
}
