//! The write-ahead log: every event before it is acknowledged, until the replica has it.

mod frame;
mod segment;
mod writer;

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use bulkhead_model::{Failure, Result};

use crate::event::Event;
use frame::{Frame, Head, PAYLOAD_MAX};
use segment::{Active, Closed, Segment};

pub(crate) use writer::Writer;

/// Segments on disk. Appends, syncs and removes; knows nothing of who waits for it.
#[derive(Debug)]
pub(crate) struct Log {
    directory: PathBuf,
    segment_bytes: u64,
    closed: Vec<Closed>,
    active: Option<Active>,
    /// The last event written.
    last: u64,
    /// The last event that is on disk for certain.
    safe: u64,
    /// Why nothing more is written, after a failure that leaves it open what is on disk.
    broken: Option<String>,
}

impl Log {
    /// Opens the log and answers the events after `applied`, in order.
    ///
    /// # Errors
    /// `corrupt` when an event that may have been acknowledged cannot be read; `unavailable` when the disk fails.
    pub fn open(directory: &Path, segment_bytes: u64, applied: u64) -> Result<(Self, Vec<Event>)> {
        fs::create_dir_all(directory).map_err(|error| disk_failure(directory, &error))?;
        let mut log = Self {
            directory: directory.to_owned(),
            segment_bytes,
            closed: Vec::new(),
            active: None,
            last: applied,
            safe: applied,
            broken: None,
        };
        let mut events = Vec::new();
        let mut previous = None;
        let mut headless = Headless::default();
        let paths = segments(directory)?;
        for (at, path) in paths.iter().enumerate() {
            let newest = at + 1 == paths.len();
            let found = match segment::read(path, newest)? {
                Segment::Whole(found) => found,
                Segment::Headless { unfinished } => {
                    headless.0.push((path.clone(), unfinished));
                    continue;
                }
            };
            // What is before a segment is in the one before it, or in the replica.
            let follows = match previous {
                Some(last) => found.head.previous == last,
                None => found.head.previous <= applied,
            };
            if !follows {
                return Err(headless.damaged().unwrap_or_else(|| missing_before(path, found.head.previous)));
            }
            headless.remove()?;
            previous = Some(found.last);
            if found.torn > 0 {
                tracing::warn!(segment = %path.display(), at = found.bytes, bytes = found.torn,
                    "cut off the end of the event log: it was being written when the machine stopped, and nobody was told that it is safe");
                cut(path, found.bytes)?;
            }
            log.last = log.last.max(found.last);
            match found.events.is_empty() {
                // The next segment may have its name.
                true => remove(path)?,
                false => log.closed.push(Closed { path: path.clone(), last: found.last }),
            }
            events.extend(found.events.into_iter().filter(|event| event.sequence > applied));
        }
        headless.end()?;
        // What was read may be known to the operating system only.
        log.sync_closed()?;
        log.safe = log.last;
        Ok((log, events))
    }

    /// The last event that was ever written.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// Appends events in the order of their numbers. None of them is in the log when it fails.
    ///
    /// # Errors
    /// `unavailable` when the disk is full or fails.
    pub fn append(&mut self, events: &[(u64, &[u8])]) -> Result<()> {
        if let Some(why) = &self.broken {
            return Err(Failure::unavailable(format!("the event log takes nothing more: {why}"))
                .with_hint("mend the disk and restart the host"));
        }
        let (Some((first, _)), Some((last, _))) = (events.first(), events.last()) else { return Ok(()) };
        if self.active.as_ref().is_some_and(|active| active.bytes >= self.segment_bytes) {
            self.close_active()?;
        }
        let mut bytes = Vec::with_capacity(events.iter().map(|(_, payload)| payload.len() + 64).sum());
        for (sequence, payload) in events {
            if payload.len() > PAYLOAD_MAX {
                return Err(Failure::invalid("an event is too large for the event log"));
            }
            Frame { sequence: *sequence, safe: self.safe, payload }.encode(&mut bytes);
        }
        let active = match &mut self.active {
            Some(active) => active,
            none => none.insert(Active::create(&self.directory, Head { previous: self.last, first: *first })?),
        };
        if let Err(error) = active.file.write_all(&bytes) {
            let failure = disk_failure(&active.path, &error);
            // A part of it may have been written; the next event must not come behind that.
            if let Err(error) = active.file.set_len(active.bytes) {
                self.broken = Some(format!("what was written in part cannot be taken back ({error})"));
            }
            return Err(failure);
        }
        active.bytes += bytes.len() as u64;
        (active.last, self.last) = (*last, *last);
        Ok(())
    }

    /// Waits until everything that was appended is on disk.
    ///
    /// # Errors
    /// `unavailable` when the disk fails. Nothing is written any more then: what of it is there is known to nobody.
    pub fn sync(&mut self) -> Result<()> {
        if let Some(active) = self.active.as_ref().filter(|_| self.safe < self.last) {
            if let Err(error) = active.file.sync_data() {
                self.broken = Some(format!("`{}` cannot be forced to disk ({error})", active.path.display()));
                return Err(disk_failure(&active.path, &error));
            }
            self.safe = self.last;
        }
        Ok(())
    }

    /// Removes the segments in which nothing is after `applied`.
    ///
    /// # Errors
    /// `unavailable` when the disk fails; what could not be removed is tried again the next time.
    pub fn remove_through(&mut self, applied: u64) -> Result<()> {
        while let Some(oldest) = self.closed.first().filter(|segment| segment.last <= applied) {
            remove(&oldest.path)?;
            self.closed.remove(0);
        }
        Ok(())
    }

    /// Removes everything. The numbers go on.
    ///
    /// # Errors
    /// As [`remove_through`](Self::remove_through).
    pub fn clear(&mut self) -> Result<()> {
        if let Some(active) = self.active.take() {
            self.closed.push(Closed { path: active.path, last: active.last });
        }
        self.remove_through(u64::MAX)?;
        // Nothing is left of which anything could be uncertain.
        (self.safe, self.broken) = (self.last, None);
        Ok(())
    }

    /// Segments on disk.
    pub fn segments(&self) -> usize {
        self.closed.len() + usize::from(self.active.is_some())
    }

    /// Why nothing more is written.
    pub fn broken(&self) -> Option<&str> {
        self.broken.as_deref()
    }

    /// A closed segment is whole: nothing may be missing at its end.
    fn close_active(&mut self) -> Result<()> {
        self.sync()?;
        if let Some(active) = self.active.take() {
            self.closed.push(Closed { path: active.path, last: active.last });
        }
        Ok(())
    }

    fn sync_closed(&self) -> Result<()> {
        let newest = self.closed.last().map(|segment| segment.path.as_path());
        newest.map_or(Ok(()), |path| {
            File::open(path).and_then(|file| file.sync_all()).map_err(|error| disk_failure(path, &error))
        })
    }
}

/// Files without a head, in the order of their names, until it is known whether events are missing where they are.
#[derive(Default)]
struct Headless(Vec<(PathBuf, bool)>);

impl Headless {
    /// The segment after them follows on the one before them: no event was ever in them.
    fn remove(&mut self) -> Result<()> {
        for (path, _) in self.0.drain(..) {
            tracing::warn!(segment = %path.display(), "removed a file of the event log that was being made when the disk was full or the machine stopped");
            remove(&path)?;
        }
        Ok(())
    }

    /// What to say when it does not.
    fn damaged(&self) -> Option<Failure> {
        self.0.first().map(|(path, _)| segment::damaged(path, 0))
    }

    /// Nothing comes after them. Only the last one can have been interrupted while it was made; tries that failed before have left less than
    /// a head.
    fn end(mut self) -> Result<()> {
        let before = self.0.len().saturating_sub(1);
        match self.0.iter().take(before).find(|(_, unfinished)| !unfinished) {
            Some((path, _)) => Err(segment::damaged(path, 0)),
            None => self.remove(),
        }
    }
}

fn missing_before(path: &Path, previous: u64) -> Failure {
    Failure::corrupt(format!(
        "a segment of the event log is missing before `{}`: events up to {previous} are in none",
        path.display()
    ))
    .with_hint("put it back, or move the front door's directory away and start with a new copy of the database")
}

fn segments(directory: &Path) -> Result<Vec<PathBuf>> {
    let list = || -> io::Result<Vec<PathBuf>> {
        let mut paths: Vec<PathBuf> = Vec::new();
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if name.starts_with("events-") && name.ends_with(".log") {
                paths.push(path);
            }
        }
        // The numbers have leading zeros.
        paths.sort();
        Ok(paths)
    };
    list().map_err(|error| disk_failure(directory, &error))
}

fn cut(path: &Path, bytes: u64) -> Result<()> {
    let cut = || {
        let file = File::options().write(true).open(path)?;
        file.set_len(bytes)?;
        file.sync_all()
    };
    cut().map_err(|error| disk_failure(path, &error))
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(disk_failure(path, &error)),
        _ => Ok(()),
    }
}

/// What to say when the disk does not do what it should.
fn disk_failure(path: &Path, error: &io::Error) -> Failure {
    let failure = Failure::unavailable(format!("`{}` cannot be used: {error}", path.display()));
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => failure.with_hint("free space on its disk"),
        _ => failure,
    }
}

#[cfg(test)]
mod tests;
