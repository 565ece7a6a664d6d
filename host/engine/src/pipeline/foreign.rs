//! Files that others have made: whatever they are compressed and encrypted with comes off, and what is left is made into what the
//! methods of this host restore. Everything is known by its content; nothing is called whole before its end was seen.

mod archive;
mod dump;
mod gzip;
mod info;
mod inventory;
mod key;
mod layers;
mod openssl;
mod packed;
mod reading;
mod sql;
mod tail;
#[cfg(test)]
mod tests;
mod told;
mod xbstream;

use std::io::{self, Read, Write};
use std::sync::Arc;

use bulkhead_model::{Failure, Result};
use bulkhead_runtime::ByteSource;
use tokio_util::sync::CancellationToken;

use self::reading::Purpose;
use self::told::told;
use super::Meter;
use super::intake::Intake;

pub use dump::{Contents, Dumped, Kind};
pub use inventory::Room;
pub use key::EncryptionKey;
pub use reading::Found;

/// By what a file is said to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// `mariadb-backup`.
    Files,
    /// `mariadb-dump`.
    Dump,
}

/// A file that was read to its end and found whole.
#[derive(Clone, Debug)]
pub struct Examined {
    /// What it is.
    pub found: Found,
    /// What was taken off, the outermost first: `openssl`, `gzip`, ...
    pub layers: Vec<&'static str>,
    stored_bytes: u64,
    stored_sha256: String,
}

/// How a file is read.
#[derive(Clone)]
pub struct Reading {
    /// By what it was made.
    pub expected: Expected,
    /// What it may be encrypted with.
    pub key: Option<EncryptionKey>,
    /// How much it may unpack to.
    pub room: Room,
    /// Counts.
    pub meter: Arc<Meter>,
    /// Ends it early.
    pub stop: CancellationToken,
}

impl Reading {
    /// Reads a file to its end, in a thread of its own, and keeps nothing of it.
    ///
    /// # Errors
    /// `denied` without the right key; `invalid` for a file of the other method; `unsupported` for what is not restored; `corrupt`
    /// for damage; the source's own failure.
    pub async fn examine(self, stored: ByteSource) -> Result<Examined> {
        let task = tokio::task::spawn_blocking(move || self.read::<io::Sink>(stored, Purpose::Examine));
        task.await.unwrap_or_else(|error| Err(Failure::internal(format!("the codec thread went away: {error}"))))
    }

    /// Reads a file once more and makes what its method takes, in a thread of its own.
    ///
    /// # Errors
    /// `unavailable` without file descriptors or threads. The source itself ends as [`examine`](Self::examine) does, or with
    /// `corrupt` when the file is another one by now.
    pub fn decode(self, stored: ByteSource, examined: Examined) -> Result<ByteSource> {
        let (file, completion, plain) = ByteSource::pipe()?;
        std::thread::Builder::new()
            .name("decode".to_owned())
            .spawn(move || {
                let mut output = Counted { output: file, meter: Arc::clone(&self.meter), bytes: 0 };
                let read = self.read(stored, Purpose::Decode(&examined.found, &mut output));
                completion.end(read.and_then(|again| {
                    match (again.stored_bytes, &again.stored_sha256) == (examined.stored_bytes, &examined.stored_sha256)
                    {
                        true => Ok(output.bytes),
                        false => Err(Failure::corrupt("it was replaced while it was being restored")),
                    }
                }));
            })
            .map_err(|error| Failure::unavailable(format!("no thread for the codec: {error}")))?;
        Ok(plain)
    }

    fn read<W: Write>(&self, stored: ByteSource, purpose: Purpose<'_, W>) -> Result<Examined> {
        let mut intake = Intake::new(stored, Arc::clone(&self.meter));
        let input = Stored { intake: &mut intake, stop: &self.stop };
        let read = reading::read(input, self.expected, self.key.as_ref(), self.room, purpose);
        if let Err(failure) = &read
            && (!intake.at_end() || self.stop.is_cancelled())
        {
            return Err(failure.clone());
        }
        // What ends early may have been cut off on its way: the sender knows. And what a decoder did not ask for belongs to the file.
        intake.drain(u64::MAX).map_err(super::decode::unreadable)?;
        let (stored_bytes, stored_sha256) = intake.finish()?;
        let (found, layers) = read?;
        Ok(Examined { found, layers, stored_bytes, stored_sha256 })
    }
}

/// Stored bytes, as long as they are wanted.
struct Stored<'a> {
    intake: &'a mut Intake,
    stop: &'a CancellationToken,
}

impl Read for Stored<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.stop.is_cancelled() {
            return Err(told(Failure::cancelled()));
        }
        self.intake.read(into).map_err(|error| told(super::decode::unreadable(error)))
    }
}

struct Counted<W> {
    output: W,
    meter: Arc<Meter>,
    bytes: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.output.write(bytes)?;
        self.meter.add_plain(written);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}
