//! Tar archives of the directory that `mariadb-backup --backup --target-dir` makes, prepared or not, made into the stream that
//! `mbstream` unpacks. What an archive may hold besides, links and devices and paths that lead elsewhere, is refused.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::io::{self, Cursor, Read, Write};
use std::rc::Rc;

use bulkhead_model::{Failure, Result};
use tar::{Archive, Entry, EntryType};

use super::inventory::{Inventory, entry_path, shown};
use super::tail::Tail;
use super::told::{heard, told};
use super::xbstream::{Packing, read_up_to};

/// What is packed at once.
const PIECE: usize = 1 << 20;
/// An archive ends with two blocks of zeros.
pub(super) const END_MARK: usize = 1024;
/// The longest map of a sparse file, in pieces: `mbstream` gets the zeros anyway.
const MAP_MAX: u64 = 1 << 20;
/// Longer than any file of a server.
const HOLE_MAX: u64 = 1 << 46;
/// Bytes of headers between two files: a long name, attributes, the map of a sparse file. They are held in memory.
pub(super) const HEADERS_MAX: u64 = 16 << 20;
/// More than the databases of any server.
const FOLDERS_MAX: usize = 1 << 20;

/// Where to put the files of an archive.
pub(super) enum Goal<W> {
    /// Nowhere: to learn what there is.
    Nowhere,
    /// Those of one folder, without it, as a stream.
    Stream { root: String, stream: Packing<W> },
}

/// Reads an archive to its end.
///
/// # Errors
/// `corrupt` for damage, for an archive without its end, and for paths that lead outside; `unsupported` for links and devices; what
/// [`Inventory`] refuses.
pub(super) fn pass<W: Write>(input: impl Read, into: &mut Goal<W>, inventory: &mut Inventory) -> Result<()> {
    let allowance = Rc::new(Cell::new(HEADERS_MAX));
    let mut archive = Archive::new(Tail::new(Headers { input, allowance: Rc::clone(&allowance) }, END_MARK));
    let mut folders = Folders::default();
    let mut entries = archive.entries().map_err(|error| heard(&error, DAMAGED))?;
    loop {
        allowance.set(HEADERS_MAX);
        let Some(entry) = entries.next() else { break };
        let mut entry = entry.map_err(|error| heard(&error, DAMAGED))?;
        allowance.set(u64::MAX);
        let kind = entry.header().entry_type();
        let name = name_of(&mut entry)?;
        let Some(path) = entry_path(&name)? else { continue };
        match kind {
            EntryType::Directory => folders.made(path)?,
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                folders.fill(&path)?;
                file(&mut entry, &path, into, inventory)?;
            }
            EntryType::XGlobalHeader => {}
            _ => {
                let what = match kind {
                    EntryType::Symlink => "a symbolic link",
                    EntryType::Link => "a hard link",
                    EntryType::Char | EntryType::Block | EntryType::Fifo => "a device",
                    _ => "neither a file nor a directory",
                };
                return Err(Failure::unsupported(format!("it holds `{}`, which is {what}", shown(&path)))
                    .with_hint("pack the directory as mariadb-backup made it, which holds files alone"));
            }
        }
    }
    allowance.set(u64::MAX);
    end(archive.into_inner())?;
    if let Goal::Stream { root, stream } = into {
        // The tool writes such a file for a database without tables.
        for folder in folders.empty.iter().filter_map(|folder| folder.strip_prefix(root.as_str())) {
            if !folder.contains('/') {
                stream.end(&format!("{folder}/db.opt"))?;
            }
        }
    }
    Ok(())
}

pub(super) const DAMAGED: &str = "it is damaged: its tar archive does not decode";

/// Reads to the end of an archive, and fails when it has none.
pub(super) fn end<R: Read>(mut tail: Tail<R>) -> Result<()> {
    let mut rest = vec![0; PIECE];
    while read_up_to(&mut tail, &mut rest)? > 0 {}
    if tail.last().len() < END_MARK || tail.last().iter().any(|byte| *byte != 0) {
        return Err(Failure::corrupt("it is not whole: the tar archive has no end"));
    }
    Ok(())
}

/// The name of an entry, or the one that a sparse file of the POSIX format has among its attributes.
fn name_of<R: Read>(entry: &mut Entry<'_, R>) -> Result<Vec<u8>> {
    let stated = attribute(entry, "GNU.sparse.name")?;
    Ok(stated.unwrap_or_else(|| entry.path_bytes().into_owned()))
}

fn attribute<R: Read>(entry: &mut Entry<'_, R>, key: &str) -> Result<Option<Vec<u8>>> {
    let Some(attributes) = entry.pax_extensions().map_err(|error| heard(&error, DAMAGED))? else { return Ok(None) };
    for attribute in attributes {
        let attribute = attribute.map_err(|error| heard(&error, DAMAGED))?;
        if attribute.key_bytes() == key.as_bytes() {
            return Ok(Some(attribute.value_bytes().to_vec()));
        }
    }
    Ok(None)
}

fn number<R: Read>(entry: &mut Entry<'_, R>, key: &str) -> Result<Option<u64>> {
    let Some(value) = attribute(entry, key)? else { return Ok(None) };
    let value = std::str::from_utf8(&value).ok().and_then(|value| value.parse().ok());
    value.map(Some).ok_or_else(|| Failure::corrupt(DAMAGED))
}

fn file<R: Read, W: Write>(
    entry: &mut Entry<'_, R>,
    path: &str,
    into: &mut Goal<W>,
    inventory: &mut Inventory,
) -> Result<()> {
    inventory.begin(path)?;
    let (stored, major, real) =
        (entry.size(), number(entry, "GNU.sparse.major")?, number(entry, "GNU.sparse.realsize")?);
    let sparse_before =
        attribute(entry, "GNU.sparse.map")?.is_some() || attribute(entry, "GNU.sparse.numblocks")?.is_some();
    let mut sink = FileSink { path, into, inventory, offset: 0 };
    match (major, real) {
        (Some(1), Some(real)) => sparse(entry, stored, real, &mut sink)?,
        (None, _) if !sparse_before => sink.copy(entry, stored)?,
        _ => {
            return Err(Failure::unsupported("its tar archive keeps sparse files in an old form")
                .with_hint("pack it with `tar --sparse` of GNU tar, or without `--sparse`"));
        }
    }
    sink.end()
}

/// A sparse file in the form 1.0 of GNU tar: a map of its pieces before their bytes, as decimal numbers on lines of their own, filled
/// up to a block.
fn sparse<R: Read, W: Write>(entry: &mut R, stored: u64, real: u64, sink: &mut FileSink<'_, W>) -> Result<()> {
    let damaged = || Failure::corrupt(format!("{DAMAGED}: the map of a sparse file"));
    let (mut map, mut block, mut read) = (Vec::new(), Cursor::new(Vec::new()), 0_u64);
    let mut next = |entry: &mut R| -> Result<u64> {
        let (mut number, mut digits) = (0_u64, 0);
        loop {
            let mut byte = [0];
            if read_up_to(&mut block, &mut byte)? == 0 {
                let mut fresh = vec![0; 512];
                if read_up_to(entry, &mut fresh)? != fresh.len() {
                    return Err(damaged());
                }
                read += 512;
                block = Cursor::new(fresh);
                continue;
            }
            match byte {
                [b'\n'] if digits > 0 => return Ok(number),
                [digit @ b'0'..=b'9'] if digits < 19 => {
                    number = number * 10 + u64::from(digit - b'0');
                    digits += 1;
                }
                _ => return Err(damaged()),
            }
        }
    };
    let pieces = next(entry)?;
    if pieces > MAP_MAX {
        return Err(damaged());
    }
    for _ in 0..pieces {
        map.push((next(entry)?, next(entry)?));
    }
    let data: u64 = map.iter().map(|(_, length)| length).fold(0, |sum, length| sum.saturating_add(*length));
    if real > HOLE_MAX || data.saturating_add(read) != stored {
        return Err(damaged());
    }
    for (offset, length) in map {
        if offset < sink.offset || offset.saturating_add(length) > real {
            return Err(damaged());
        }
        sink.zeros(offset)?;
        sink.copy(entry, length)?;
    }
    sink.zeros(real)
}

/// Takes a file on.
struct FileSink<'a, W> {
    path: &'a str,
    into: &'a mut Goal<W>,
    inventory: &'a mut Inventory,
    offset: u64,
}

impl<W: Write> FileSink<'_, W> {
    /// So many bytes of it.
    fn copy(&mut self, from: &mut impl Read, bytes: u64) -> Result<()> {
        let end = self.offset + bytes;
        let mut piece = vec![0; PIECE];
        while self.offset < end {
            let most = usize::try_from(end - self.offset).unwrap_or(PIECE).min(PIECE);
            let piece = piece.get_mut(..most).unwrap_or_default();
            if read_up_to(from, piece)? != most {
                return Err(Failure::corrupt(format!("it is not whole: it ends within `{}`", shown(self.path))));
            }
            self.put(piece)?;
        }
        Ok(())
    }

    /// Zeros up to an offset.
    fn zeros(&mut self, offset: u64) -> Result<()> {
        let zeros = vec![0; PIECE];
        while self.offset < offset {
            let most = usize::try_from(offset - self.offset).unwrap_or(PIECE).min(PIECE);
            self.put(zeros.get(..most).unwrap_or_default())?;
        }
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.inventory.add(self.path, bytes)?;
        if let Goal::Stream { root, stream } = self.into
            && let Some(path) = self.path.strip_prefix(root.as_str())
        {
            stream.payload(path, self.offset, bytes)?;
        }
        self.offset += bytes.len() as u64;
        Ok(())
    }

    fn end(self) -> Result<()> {
        let Goal::Stream { root, stream } = self.into else { return Ok(()) };
        match self.path.strip_prefix(root.as_str()) {
            Some(path) if path.matches('/').count() > 1 => Err(Failure::unsupported(format!(
                "it holds `{}`, which lies deeper than a server's data do",
                shown(self.path)
            ))),
            Some(path) => stream.end(path),
            None => Ok(()),
        }
    }
}

/// Directories, and which of them nothing lies in.
#[derive(Default)]
struct Folders {
    empty: BTreeSet<String>,
    filled: BTreeSet<String>,
}

impl Folders {
    fn made(&mut self, path: String) -> Result<()> {
        self.fill(&path)?;
        if !self.filled.contains(&path) {
            self.empty.insert(path);
        }
        Ok(())
    }

    /// Something lies in the directory of this path.
    fn fill(&mut self, path: &str) -> Result<()> {
        if let Some((folder, _)) = path.rsplit_once('/')
            && !self.filled.contains(folder)
        {
            self.empty.remove(folder);
            self.filled.insert(folder.to_owned());
        }
        if self.empty.len() + self.filled.len() > FOLDERS_MAX {
            return Err(Failure::unsupported(format!("it holds more than {FOLDERS_MAX} directories")));
        }
        Ok(())
    }
}

/// A reader that gives no more than it was allowed to: what an archive says of a file before its bytes is collected without bound.
pub(super) struct Headers<R> {
    pub(super) input: R,
    pub(super) allowance: Rc<Cell<u64>>,
}

impl<R: Read> Read for Headers<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(into)?;
        let left = self.allowance.get().checked_sub(read as u64);
        self.allowance
            .set(left.ok_or_else(|| told(Failure::corrupt("it is damaged: its tar archive has endless headers")))?);
        Ok(read)
    }
}
