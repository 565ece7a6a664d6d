//! Events: their header, their kinds, and the bodies that are read.

use crate::gtid::{Gtid, State};
use crate::problem::Problem;

/// The first bytes of every log.
pub const MAGIC: [u8; 4] = [0xfe, b'b', b'i', b'n'];
/// Bytes of a header.
pub(crate) const HEADER: usize = 19;
/// Bytes of a checksum.
pub(crate) const CHECKSUM: usize = 4;
/// Set in the format event of a log that its server still writes, or did not close. The checksum is made without it.
const IN_USE: u16 = 1;
/// Set in events that readers may leave out when they do not know them.
pub(crate) const IGNORABLE: u16 = 0x80;

/// What begins every event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// Seconds since 1970, by the clock of the server that made the event.
    pub(crate) timestamp: u32,
    /// What it is.
    pub(crate) kind: Kind,
    /// The server that made it.
    pub(crate) server: u32,
    /// All of its bytes.
    pub(crate) length: u32,
    /// Where it ends in the server's file, the lower 32 bits; 0 for an event that is in no file.
    pub(crate) end: u32,
    /// Flags.
    pub(crate) flags: u16,
}

/// Kinds of events, as far as they are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A statement.
    Query,
    /// The server stopped; nothing follows in this file.
    Stop,
    /// Goes on in another file.
    Rotate,
    /// Says how to read what follows.
    Format,
    /// Commits a transaction.
    Xid,
    /// Prepares a distributed transaction.
    XaPrepare,
    /// The server lost events.
    Incident,
    /// Keeps a connection alive; in no file.
    Heartbeat,
    /// From which file on a crashed server recovers.
    Checkpoint,
    /// Begins a transaction.
    Gtid,
    /// What was logged before this file.
    GtidList,
    /// What follows is encrypted.
    StartEncryption,
    /// Belongs to an event that follows.
    Prefix(u8),
    /// Anything else.
    Other(u8),
}

impl Kind {
    pub(crate) fn of(code: u8) -> Self {
        match code {
            2 | 165 => Self::Query,
            3 => Self::Stop,
            4 => Self::Rotate,
            // INTVAR, RAND, USER_VAR, TABLE_MAP, ANNOTATE_ROWS
            5 | 13 | 14 | 19 | 160 => Self::Prefix(code),
            15 => Self::Format,
            16 => Self::Xid,
            26 => Self::Incident,
            27 => Self::Heartbeat,
            38 => Self::XaPrepare,
            161 => Self::Checkpoint,
            162 => Self::Gtid,
            163 => Self::GtidList,
            164 => Self::StartEncryption,
            other => Self::Other(other),
        }
    }

    /// Whether the body is read; those are small.
    pub(crate) fn is_read(self) -> bool {
        matches!(self, Self::Format | Self::Gtid | Self::GtidList | Self::Rotate | Self::Stop | Self::StartEncryption)
    }

    /// Whether it stands between transactions.
    pub(crate) fn is_between(self) -> bool {
        matches!(self, Self::Format | Self::GtidList | Self::Rotate | Self::Stop | Self::Checkpoint | Self::Heartbeat)
    }
}

impl Header {
    pub(crate) fn read(bytes: &[u8; HEADER]) -> Self {
        Self {
            timestamp: u32_at(bytes, 0),
            kind: Kind::of(bytes[4]),
            server: u32_at(bytes, 5),
            length: u32_at(bytes, 9),
            end: u32_at(bytes, 13),
            flags: u16::from_le_bytes([bytes[17], bytes[18]]),
        }
    }
}

/// The header as the checksum covers it.
pub(crate) fn for_checksum(mut bytes: [u8; HEADER]) -> [u8; HEADER] {
    if Kind::of(bytes[4]) == Kind::Format {
        let flags = u16::from_le_bytes([bytes[17], bytes[18]]) & !IN_USE;
        bytes[17..].copy_from_slice(&flags.to_le_bytes());
    }
    bytes
}

/// What a body that is read says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// Of the format event: whether checksums follow.
    Checksums(bool),
    Gtid {
        gtid: Gtid,
        standalone: bool,
    },
    List(State),
    /// The name of the next file.
    Rotate(String),
    Nothing,
}

/// Reads a body, given without its checksum but for that of the format event, which says whether there is one.
pub(crate) fn body(header: &Header, body: &[u8]) -> Result<Body, Problem> {
    let short = || Problem::corrupt(format!("an event of {} bytes is too short for its kind", header.length));
    match header.kind {
        Kind::Format => {
            if body.len() < 57 + 1 + CHECKSUM {
                return Err(short());
            }
            match u16::from_le_bytes([body[0], body[1]]) {
                4 => {}
                other => return Err(Problem::unsupported(format!("binary logs of format {other} are not read"))),
            }
            match body[body.len() - CHECKSUM - 1] {
                0 => Ok(Body::Checksums(false)),
                1 => Ok(Body::Checksums(true)),
                other => Err(Problem::unsupported(format!("checksums of kind {other} are not known"))),
            }
        }
        Kind::Gtid => {
            if body.len() < 13 {
                return Err(short());
            }
            let gtid = Gtid { sequence: u64_at(body, 0), domain: u32_at(body, 8), server: header.server };
            Ok(Body::Gtid { gtid, standalone: body[12] & 1 != 0 })
        }
        Kind::GtidList => {
            if body.len() < 4 {
                return Err(short());
            }
            let count = (u32_at(body, 0) & 0x0fff_ffff) as usize;
            let rest = &body[4..];
            if rest.len() / 16 < count {
                return Err(short());
            }
            let gtid =
                |entry: &[u8]| Gtid { domain: u32_at(entry, 0), server: u32_at(entry, 4), sequence: u64_at(entry, 8) };
            Ok(Body::List(rest.chunks_exact(16).take(count).map(gtid).collect()))
        }
        Kind::Rotate => {
            let name = body.get(8..).ok_or_else(short)?;
            let name =
                std::str::from_utf8(name).map_err(|_| Problem::corrupt("the name of the next log is not text"))?;
            Ok(Body::Rotate(name.trim_end_matches('\0').to_owned()))
        }
        Kind::StartEncryption => Err(Problem::unsupported("the log is encrypted")),
        _ => Ok(Body::Nothing),
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}
