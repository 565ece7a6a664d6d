//! The reading side: a pipe that is hashed and counted while it is read.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufRead, Read};
use std::rc::Rc;
use std::sync::Arc;

use bulkhead_model::{Failure, Result};
use bulkhead_runtime::ByteSource;
use sha2::{Digest, Sha256};
use tokio::sync::oneshot;

use super::Meter;

/// Large enough to make system calls cheap, small enough to stay in a core's cache between read, hash and use.
pub(super) const CHUNK: usize = 256 << 10;

/// Stored bytes on their way in. Every byte read from the pipe is in the digest, whether the decoder asked for it or not.
pub(super) struct Intake {
    file: File,
    done: oneshot::Receiver<Result<u64>>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    sha256: Sha256,
    count: u64,
    ceiling: Rc<Cell<u64>>,
    at_end: bool,
    meter: Arc<Meter>,
}

impl Intake {
    pub(super) fn new(source: ByteSource, meter: Arc<Meter>) -> Self {
        Self {
            file: File::from(source.data),
            done: source.done,
            buffer: vec![0; CHUNK],
            start: 0,
            end: 0,
            sha256: Sha256::new(),
            count: 0,
            ceiling: Rc::new(Cell::new(u64::MAX)),
            at_end: false,
            meter,
        }
    }

    /// Beyond this many bytes reading fails, so that a broken object cannot make a parser collect without bound. Shared, because
    /// the parser holds on to the intake.
    pub(super) fn ceiling(&self) -> Rc<Cell<u64>> {
        Rc::clone(&self.ceiling)
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }

    pub(super) fn at_end(&self) -> bool {
        self.at_end
    }

    /// Reads up to the end, or until more than `limit` bytes in total have come.
    pub(super) fn drain(&mut self, limit: u64) -> io::Result<()> {
        self.ceiling.set(u64::MAX);
        while !self.at_end && self.count <= limit {
            self.start = self.end;
            self.fill_buf()?;
        }
        Ok(())
    }

    /// After the end: waits for the sender's word, then gives the number of bytes and their SHA-256.
    pub(super) fn finish(self) -> Result<(u64, String)> {
        let sent =
            self.done.blocking_recv().unwrap_or_else(|_| Err(Failure::unavailable("the target's stream broke off")))?;
        if sent != self.count {
            return Err(Failure::unavailable(format!("the target sent {sent} bytes, of which {} arrived", self.count)));
        }
        Ok((self.count, hex::encode(self.sha256.finalize())))
    }
}

impl BufRead for Intake {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.start == self.end && !self.at_end {
            if self.count > self.ceiling.get() {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "it is longer than it may be"));
            }
            let read = read_some(&mut self.file, &mut self.buffer)?;
            if !self.meter.is_held() {
                return Err(io::Error::other("the lease ran out"));
            }
            let fresh = self.buffer.get(..read).unwrap_or_default();
            self.sha256.update(fresh);
            self.meter.add_stored(read);
            self.count += read as u64;
            self.at_end = read == 0;
            (self.start, self.end) = (0, read);
        }
        Ok(self.buffer.get(self.start..self.end).unwrap_or_default())
    }

    fn consume(&mut self, amount: usize) {
        self.start = self.end.min(self.start + amount);
    }
}

impl Read for Intake {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let ready = self.fill_buf()?;
        let amount = ready.len().min(into.len());
        if let (Some(to), Some(from)) = (into.get_mut(..amount), ready.get(..amount)) {
            to.copy_from_slice(from);
        }
        self.consume(amount);
        Ok(amount)
    }
}

pub(super) fn read_some(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match file.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}

/// Fills the buffer unless the end comes first: a hash over large even pieces is the fastest.
pub(super) fn read_full(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match read_some(file, rest)? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}
