//! One file of the log.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use bulkhead_model::{Failure, Result};

use super::disk_failure;
use super::frame::{FRAME_HEAD, Frame, Head, SEGMENT_HEAD};
use crate::event::{Change, Event};

/// A segment that is whole and no longer written to.
#[derive(Clone, Debug)]
pub(super) struct Closed {
    pub path: PathBuf,
    pub last: u64,
}

/// The segment that events are appended to.
#[derive(Debug)]
pub(super) struct Active {
    pub path: PathBuf,
    pub file: File,
    /// Bytes that hold whole frames.
    pub bytes: u64,
    pub last: u64,
}

impl Active {
    /// Makes the file, on disk with its head before anything is in it. Leaves no file behind when that fails.
    pub fn create(directory: &Path, head: Head) -> Result<Self> {
        let path = directory.join(format!("events-{:020}.log", head.first));
        let make = || {
            // An earlier try may have left it, without an event in it.
            let mut file = OpenOptions::new().create(true).truncate(true).write(true).open(&path)?;
            file.write_all(&head.encode())?;
            file.sync_all()?;
            File::open(directory)?.sync_all()?;
            // From here on every byte goes to the end, wherever that is after a cut.
            OpenOptions::new().append(true).open(&path)
        };
        let file = make().map_err(|error| {
            // It holds no event. If it stays, the next start sees that, and removes it.
            let _may_stay = fs::remove_file(&path);
            disk_failure(&path, &error)
        })?;
        Ok(Self { path, file, bytes: SEGMENT_HEAD as u64, last: head.previous })
    }
}

/// What a segment was found to hold.
pub(super) struct Found {
    pub head: Head,
    pub events: Vec<Event>,
    pub last: u64,
    /// Where whole frames end.
    pub bytes: u64,
    /// Bytes behind it.
    pub torn: u64,
}

/// What a file of the log is.
pub(super) enum Segment {
    Whole(Found),
    /// It has no head that can be read, and no event. Making it failed or was interrupted, or it was damaged: the segment after it tells.
    Headless {
        /// Whether the head was never written in whole, so that no event can have followed.
        unfinished: bool,
    },
}

/// Reads a segment. Frames that nobody was told to be safe may be missing at the end of the `newest`, and nowhere else.
///
/// # Errors
/// `corrupt`, naming the file and the place.
pub(super) fn read(path: &Path, newest: bool) -> Result<Segment> {
    let bytes = fs::read(path).map_err(|error| disk_failure(path, &error))?;
    let Some(head) = Head::decode(&bytes) else {
        return match vouched_for(&bytes) {
            None => Ok(Segment::Headless { unfinished: bytes.len() < SEGMENT_HEAD }),
            Some(_) => Err(damaged(path, 0)),
        };
    };
    let mut found = Found { head, events: Vec::new(), last: head.previous, bytes: SEGMENT_HEAD as u64, torn: 0 };
    let mut rest = &bytes[SEGMENT_HEAD..];
    while let Some(frame) = Frame::decode(rest) {
        let change: Option<Change> = serde_json::from_slice(frame.payload).ok();
        let change = change.filter(|_| frame.sequence > found.last).ok_or_else(|| damaged(path, found.bytes))?;
        found.events.push(Event { sequence: frame.sequence, change, bytes: frame.payload.len() });
        found.last = frame.sequence;
        found.bytes += frame.length() as u64;
        rest = &rest[frame.length()..];
    }
    found.torn = rest.len() as u64;
    match found.torn {
        0 => Ok(Segment::Whole(found)),
        _ if newest && vouched_for(rest).is_none_or(|safe| safe <= found.last) => Ok(Segment::Whole(found)),
        _ => Err(damaged(path, found.bytes)),
    }
}

/// The last event that a whole frame anywhere in `bytes` says to be on disk.
fn vouched_for(bytes: &[u8]) -> Option<u64> {
    (0..bytes.len().saturating_sub(FRAME_HEAD))
        .filter_map(|at| Frame::decode(&bytes[at..]))
        .map(|frame| frame.safe)
        .max()
}

/// A file in which something cannot be read that may have been acknowledged.
pub(super) fn damaged(path: &Path, at: u64) -> Failure {
    Failure::corrupt(format!("the event log `{}` is damaged at byte {at}", path.display())).with_hint(
        "acknowledged events may be lost: put the file back as it was, or move the front door's directory away and start with an \
         empty log and a new copy of the database",
    )
}
