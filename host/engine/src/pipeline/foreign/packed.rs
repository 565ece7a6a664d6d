//! A tar archive around one dump, as some images and people keep them.

use std::cell::Cell;
use std::io::{Read, Write};
use std::rc::Rc;

use bulkhead_model::{Failure, FailureKind, Result};
use tar::{Archive, EntryType};

use super::archive::{self, DAMAGED, END_MARK, HEADERS_MAX, Headers};
use super::dump::{self, Dumped};
use super::inventory::{Room, shown};
use super::key::EncryptionKey;
use super::layers::{self, Content};
use super::reading::wrong_method;
use super::tail::Tail;
use super::told::heard;

/// Starts the name of what macOS writes beside a file.
const OF_MACOS: &str = "._";

/// Passes on the dump in an archive that holds nothing else.
///
/// # Errors
/// `unsupported` for more than one file; `invalid` for the data files of a server; what the dump is refused for; `corrupt` for damage.
pub(super) fn pass(
    input: impl Read,
    key: Option<&EncryptionKey>,
    mut output: impl Write,
    room: Room,
) -> Result<(Dumped, Vec<&'static str>)> {
    let allowance = Rc::new(Cell::new(HEADERS_MAX));
    let mut archive = Archive::new(Tail::new(Headers { input, allowance: Rc::clone(&allowance) }, END_MARK));
    let mut entries = archive.entries().map_err(|error| heard(&error, DAMAGED))?;
    let mut found = None;
    loop {
        allowance.set(HEADERS_MAX);
        let Some(entry) = entries.next() else { break };
        let entry = entry.map_err(|error| heard(&error, DAMAGED))?;
        allowance.set(u64::MAX);
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let of_macos = path.rsplit('/').next().is_some_and(|name| name.starts_with(OF_MACOS));
        match entry.header().entry_type() {
            EntryType::Directory | EntryType::XGlobalHeader => continue,
            _ if of_macos => continue,
            EntryType::Regular | EntryType::Continuous => {}
            _ => return Err(several(&path)),
        }
        if found.is_some() {
            return Err(several(&path));
        }
        let is_sql = path.to_ascii_lowercase().contains(".sql");
        let within = |failure: Failure| failure.context(format!("`{}` in its tar archive", shown(&path)));
        let opened = match layers::open(entry, key) {
            // Data files are nothing that is known by their beginning.
            Err(failure) if !is_sql && failure.kind != FailureKind::Denied => {
                return Err(wrong_method("a tar archive", "mariabackup"));
            }
            opened => opened.map_err(within)?,
        };
        if opened.content != Content::Sql {
            return Err(wrong_method("a tar archive", "mariabackup"));
        }
        let dumped = dump::pass(opened.reader, &mut output, room).map_err(within)?;
        found = Some((dumped, opened.layers));
    }
    allowance.set(u64::MAX);
    archive::end(archive.into_inner())?;
    found.ok_or_else(|| Failure::unsupported("it is a tar archive that holds no files"))
}

fn several(path: &str) -> Failure {
    Failure::unsupported(format!("it is a tar archive of more than one dump: it holds `{}` too", shown(path)))
        .with_hint(
            "take each file out of it and restore that; a backup by mariadb-backup is \"method\": \"mariabackup\"",
        )
}
