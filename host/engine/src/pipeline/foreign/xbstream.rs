//! The stream that `mariadb-backup --stream=xbstream` writes and `mbstream` reads: chunks of files, each with its path.
//!
//! As in `extra/mariabackup/xbstream_write.cc` of MariaDB. `mbstream` does not miss the end of a file that was cut off: it is looked
//! for here.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use bulkhead_model::{Failure, Result};

use super::inventory::{Inventory, entry_path, shown};
use super::told::{heard, told};

const MAGIC: &[u8] = b"XBSTCK01";
/// Flag of a chunk that a reader may pass over.
const IGNORABLE: u8 = 1;
/// Flag of a chunk that goes over what is there.
const REWRITE: u8 = 2;
/// Of MariaDB's `FN_REFLEN`, less one for its end.
const PATH_BYTES: u32 = 511;
/// The tool writes chunks of 10 MiB. `mbstream` holds a chunk in memory.
const PAYLOAD_BYTES: u64 = 64 << 20;
/// Files that are open at a time: the tool copies up to as many at once as it is told to.
const OPEN_MAX: usize = 4096;
const CHUNK: usize = 256 << 10;

/// Passes a stream on and learns what is in it.
///
/// # Errors
/// `corrupt` for damage, for a file without its end, and for paths that lead outside; what [`Inventory`] refuses.
pub(super) fn pass(input: impl Read, output: impl Write, inventory: &mut Inventory) -> Result<()> {
    let mut stream = Stream { input, output, inventory, open: BTreeMap::new(), buffer: vec![0; CHUNK] };
    while stream.chunk()? {}
    match stream.open.into_keys().next() {
        Some(path) => Err(damaged(&format!("ends before the end of `{}`", shown(&path)))),
        None => Ok(()),
    }
}

fn damaged(what: &str) -> Failure {
    Failure::corrupt(format!("it is damaged: its stream {what}"))
}

struct Stream<'i, R, W> {
    input: R,
    output: W,
    inventory: &'i mut Inventory,
    /// Files that have begun, and how far they have come.
    open: BTreeMap<String, u64>,
    buffer: Vec<u8>,
}

impl<R: Read, W: Write> Stream<'_, R, W> {
    /// Passes one chunk on; false at the end.
    fn chunk(&mut self) -> Result<bool> {
        let mut magic = [0; 8];
        let read = read_up_to(&mut self.input, &mut magic)?;
        if read == 0 {
            return Ok(false);
        }
        if magic.get(..read) != Some(MAGIC) {
            return Err(damaged("goes on with something else than a chunk"));
        }
        self.write(&magic)?;
        let [flags, kind] = self.fixed()?;
        if flags > REWRITE | IGNORABLE {
            return Err(damaged("holds a chunk with unknown flags"));
        }
        let path = self.path()?;
        match kind {
            b'P' => self.payload(&path, flags & REWRITE != 0)?,
            b'E' => {
                if self.open.remove(&path).is_none() {
                    self.inventory.begin(&path)?;
                }
            }
            // A file that was renamed or dropped while the others were copied.
            b'R' => {
                let to = self.path()?;
                self.inventory.begin(&to)?;
            }
            b'D' => {}
            b'S' => {
                let offset = u64::from_le_bytes(self.fixed()?);
                self.begin(&path)?;
                self.open.insert(path, offset);
            }
            _ => return Err(Failure::unsupported(format!("its stream holds a chunk of an unknown kind, {kind:#04x}"))),
        }
        Ok(true)
    }

    fn begin(&mut self, path: &str) -> Result<()> {
        if self.open.contains_key(path) {
            return Ok(());
        }
        if self.open.len() == OPEN_MAX {
            return Err(damaged("begins more files than it ends"));
        }
        self.inventory.begin(path)?;
        self.open.insert(path.to_owned(), 0);
        Ok(())
    }

    fn payload(&mut self, path: &str, rewrites: bool) -> Result<()> {
        self.begin(path)?;
        let (length, offset) = (u64::from_le_bytes(self.fixed()?), u64::from_le_bytes(self.fixed()?));
        let stated = u32::from_le_bytes(self.fixed()?);
        if length > PAYLOAD_BYTES {
            return Err(damaged("holds a chunk that is longer than any tool writes"));
        }
        if let Some(position) = self.open.get_mut(path) {
            if *position != offset && !rewrites {
                return Err(damaged(&format!("has no bytes {position} to {offset} of `{}`", shown(path))));
            }
            *position = offset.saturating_add(length);
        }
        let mut sum = crc32fast::Hasher::new();
        let mut buffer = std::mem::take(&mut self.buffer);
        let mut left = length;
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
            let piece = buffer.get_mut(..most).unwrap_or_default();
            self.exact(piece)?;
            sum.update(piece);
            self.inventory.add(path, piece)?;
            self.write(piece)?;
            left -= most as u64;
        }
        self.buffer = buffer;
        if sum.finalize() != stated {
            return Err(damaged(&format!("holds a chunk of `{}` with a wrong checksum", shown(path))));
        }
        Ok(())
    }

    fn path(&mut self) -> Result<String> {
        let length = u32::from_le_bytes(self.fixed()?);
        if length > PATH_BYTES {
            return Err(damaged("holds a path that is longer than any tool writes"));
        }
        let mut path = vec![0; length as usize];
        self.exact(&mut path)?;
        self.write(&path)?;
        entry_path(&path)?.ok_or_else(|| damaged("holds a file without a name"))
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        self.exact(&mut bytes)?;
        self.write(&bytes)?;
        Ok(bytes)
    }

    fn exact(&mut self, into: &mut [u8]) -> Result<()> {
        if read_up_to(&mut self.input, into)? == into.len() {
            Ok(())
        } else {
            Err(damaged("ends in the middle of a chunk"))
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.output.write_all(bytes).map_err(gone)
    }
}

/// Reads until the buffer is full, or to the end.
pub(super) fn read_up_to(input: &mut impl Read, into: &mut [u8]) -> Result<usize> {
    let mut read = 0;
    while let Some(rest) = into.get_mut(read..).filter(|rest| !rest.is_empty()) {
        match input.read(rest) {
            Ok(0) => break,
            Ok(more) => read += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(heard(&error, "it is damaged")),
        }
    }
    Ok(read)
}

/// Whoever takes the bytes has gone away.
pub(super) fn gone(error: io::Error) -> Failure {
    heard(&told(Failure::unavailable(format!("reader went away: {error}"))), "")
}

/// Writes files as such a stream.
pub(super) struct Packing<W>(pub W);

impl<W: Write> Packing<W> {
    /// A piece of a file, at most some MiB.
    pub fn payload(&mut self, path: &str, offset: u64, bytes: &[u8]) -> Result<()> {
        let mut header = self.header(b'P', path);
        header.extend((bytes.len() as u64).to_le_bytes());
        header.extend(offset.to_le_bytes());
        header.extend(crc32fast::hash(bytes).to_le_bytes());
        self.0.write_all(&header).and_then(|()| self.0.write_all(bytes)).map_err(gone)
    }

    /// The end of a file, which may have had no bytes.
    pub fn end(&mut self, path: &str) -> Result<()> {
        let header = self.header(b'E', path);
        self.0.write_all(&header).map_err(gone)
    }

    fn header(&self, kind: u8, path: &str) -> Vec<u8> {
        let length = u32::try_from(path.len()).unwrap_or(u32::MAX);
        [MAGIC, &[0, kind], &length.to_le_bytes(), path.as_bytes()].concat()
    }
}
