//! Which other program the kernel starts to run a program: its dynamic loader, or what its `#!` line names.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Program header type of the loader's path (ELF specification, `PT_INTERP`).
const PT_INTERP: u32 = 3;

/// How a program is run.
pub(super) enum Interpreter {
    /// By the kernel alone.
    None,
    /// By this loader.
    Loader(PathBuf),
    /// It is a script: by whatever it calls.
    Script,
    /// By something that was not recognised.
    Unknown,
}

pub(super) fn of(program: &Path) -> Interpreter {
    read(program).unwrap_or(Interpreter::Unknown)
}

fn read(program: &Path) -> Option<Interpreter> {
    let mut file = File::open(program).ok()?;
    let mut head = [0; 64];
    let read = file.read(&mut head).ok()?;
    if head.starts_with(b"#!") {
        return Some(Interpreter::Script);
    }
    // 64-bit, little endian: the only kind that this host is built for.
    if read < head.len() || !head.starts_with(b"\x7fELF\x02\x01") {
        return None;
    }
    let table = u64::from_le_bytes(head[32..40].try_into().ok()?);
    let entry_bytes = u64::from(u16::from_le_bytes(head[54..56].try_into().ok()?));
    let entries = u64::from(u16::from_le_bytes(head[56..58].try_into().ok()?));
    for index in 0..entries.min(128) {
        let mut entry = [0; 56];
        file.read_exact_at(&mut entry, table.checked_add(index * entry_bytes)?).ok()?;
        if u32::from_le_bytes(entry[..4].try_into().ok()?) == PT_INTERP {
            let offset = u64::from_le_bytes(entry[8..16].try_into().ok()?);
            let length = u64::from_le_bytes(entry[32..40].try_into().ok()?);
            let mut path = vec![0; usize::try_from(length.min(4096)).ok()?];
            file.read_exact_at(&mut path, offset).ok()?;
            let path = String::from_utf8(path).ok()?;
            return Some(Interpreter::Loader(PathBuf::from(path.trim_end_matches('\0'))));
        }
    }
    Some(Interpreter::None)
}
