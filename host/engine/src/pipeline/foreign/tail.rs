//! What was read last.

use std::io::{self, Read};

/// A reader that remembers the last bytes it gave.
pub(super) struct Tail<R> {
    input: R,
    last: Vec<u8>,
    most: usize,
}

impl<R: Read> Tail<R> {
    pub(super) fn new(input: R, most: usize) -> Self {
        Self { input, last: Vec::new(), most }
    }

    /// As many as there were, up to what it was told to remember.
    pub(super) fn last(&self) -> &[u8] {
        &self.last
    }
}

impl<R: Read> Read for Tail<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(into)?;
        let fresh = into.get(..read).unwrap_or_default();
        let fresh = fresh.get(fresh.len().saturating_sub(self.most)..).unwrap_or_default();
        let keep = self.most - fresh.len();
        self.last.drain(..self.last.len().saturating_sub(keep));
        self.last.extend_from_slice(fresh);
        Ok(read)
    }
}
