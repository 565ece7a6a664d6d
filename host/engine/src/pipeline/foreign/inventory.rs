//! What an archive of data files holds, learned while it passes, and whether that is a whole backup by `mariadb-backup`.

use std::collections::BTreeMap;

use bulkhead_model::{Failure, Report, Result};

use super::info::Info;

/// The most of a file of the tool's own that is kept.
const KEPT_BYTES: usize = 64 << 10;
/// Directories that look like a backup; a backup within a backup is strange enough.
const PLACES_MAX: usize = 64;

/// The first file of InnoDB's system tablespace, unless the settings say otherwise.
const SYSTEM: &str = "ibdata1";

/// What the tool writes beside the data, by the names that its versions have for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Note {
    /// Which server, which position.
    Info,
    /// Full or incremental, prepared or not, from where to where in InnoDB's log.
    Checkpoints,
    /// The position in the binary log.
    Binlog,
    /// Settings of the server, among them the names of InnoDB's own files.
    Settings,
}

impl Note {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "xtrabackup_info" | "mariadb_backup_info" => Self::Info,
            "xtrabackup_checkpoints" | "mariadb_backup_checkpoints" => Self::Checkpoints,
            "xtrabackup_binlog_info" | "mariadb_backup_binlog_info" => Self::Binlog,
            "backup-my.cnf" => Self::Settings,
            _ => return None,
        })
    }
}

/// A directory that may be the root of a backup.
#[derive(Default)]
struct Place {
    notes: BTreeMap<Note, Vec<u8>>,
    /// InnoDB's own files in it.
    system: Vec<String>,
}

/// What has passed.
pub(super) struct Inventory {
    places: BTreeMap<String, Place>,
    bytes: u64,
    files: u64,
    room: Room,
}

/// Bytes that there is room for: a small file may unpack into a full disk.
#[derive(Clone, Copy, Debug)]
pub struct Room(pub u64);

impl Room {
    /// Fails when so many bytes do not fit.
    pub(super) fn check(self, bytes: u64) -> Result<()> {
        let Self(room) = self;
        if bytes <= room {
            return Ok(());
        }
        Err(Failure::unavailable(format!("not enough disk space: it holds more than the {room} bytes that are free"))
            .with_hint("a restore needs room for a second copy until the restored server has answered")
            .with_retry(false))
    }
}

/// A backup that was found whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopiedFiles {
    /// Where it lies in the archive; empty, or ending with `/`.
    pub root: String,
    /// Whether the log has been applied already.
    pub prepared: bool,
    /// Bytes of all files.
    pub bytes: u64,
    /// Files.
    pub files: u64,
    /// What the tool says of it.
    pub report: Report,
}

impl Inventory {
    pub fn new(room: Room) -> Self {
        Self { places: BTreeMap::new(), bytes: 0, files: 0, room }
    }

    /// A file begins, by its path as [`entry_path`] gives it.
    ///
    /// # Errors
    /// `unsupported` for what cannot be restored.
    pub fn begin(&mut self, path: &str) -> Result<()> {
        let (folder, name) = split(path);
        if name.ends_with(".isl") {
            return Err(Failure::unsupported(format!(
                "it holds `{}`: a table whose data lie outside of the data directory",
                shown(path)
            )));
        }
        if [".qp", ".xbcrypt"].iter().any(|end| name.ends_with(end)) {
            return Err(Failure::unsupported(format!(
                "it holds `{}`: its files are compressed one by one",
                shown(path)
            ))
            .with_hint("unpack it with `mariadb-backup --decompress`, and pack the directory anew"));
        }
        self.files += 1;
        let note = Note::of(name);
        let system = ["ibdata", "ib_logfile"].iter().any(|start| name.starts_with(start));
        if note.is_some() || system {
            if !self.places.contains_key(folder) && self.places.len() == PLACES_MAX {
                return Err(Failure::unsupported("it holds many backups; send one"));
            }
            let place = self.places.entry(folder.to_owned()).or_default();
            if let Some(note) = note {
                place.notes.insert(note, Vec::new());
            }
            if system {
                place.system.push(name.to_owned());
            }
        }
        Ok(())
    }

    /// Bytes of a file that has begun.
    ///
    /// # Errors
    /// `unavailable` when there is no room for them.
    pub fn add(&mut self, path: &str, bytes: &[u8]) -> Result<()> {
        self.bytes += bytes.len() as u64;
        self.room.check(self.bytes)?;
        let (folder, name) = split(path);
        let kept = Note::of(name).and_then(|note| self.places.get_mut(folder)?.notes.get_mut(&note));
        if let Some(kept) = kept {
            let room = KEPT_BYTES.saturating_sub(kept.len());
            kept.extend(bytes.iter().take(room));
        }
        Ok(())
    }

    /// Judges what has passed.
    ///
    /// # Errors
    /// `corrupt` when something is missing, `unsupported` for a backup that does not restore alone.
    pub fn conclude(self) -> Result<CopiedFiles> {
        let mut roots = self.places.iter().filter(|(_, place)| place.notes.contains_key(&Note::Checkpoints));
        let Some((root, place)) = roots.next() else {
            return Err(self.no_backup());
        };
        if let Some((other, _)) = roots.next() {
            return Err(Failure::unsupported(format!(
                "it holds more than one backup: in `{}` and in `{}`",
                shown(root),
                shown(other)
            )));
        }
        let note = |note| place.notes.get(&note).map(|bytes| String::from_utf8_lossy(bytes));
        let cut = |what: &str| Failure::corrupt(format!("it is not whole: it holds no {what}"));
        let text = note(Note::Info).ok_or_else(|| cut("xtrabackup_info, which mariadb-backup writes last"))?;
        let info = Info::read(&text, &note(Note::Checkpoints).unwrap_or_default())?;
        let settings = note(Note::Settings).unwrap_or_default();
        let system = system_file(&settings);
        // One of another name is not told from a table.
        if system == SYSTEM && !place.system.iter().any(|name| name == SYSTEM) {
            return Err(cut(&format!("{SYSTEM}, InnoDB's own data")));
        }
        if !info.prepared && !place.system.iter().any(|name| name.starts_with("ib_logfile")) {
            return Err(cut("ib_logfile0, without which it cannot be prepared"));
        }
        Ok(CopiedFiles {
            root: root.clone(),
            prepared: info.prepared,
            bytes: self.bytes,
            files: self.files,
            report: info.report(note(Note::Binlog).as_deref()),
        })
    }

    fn no_backup(&self) -> Failure {
        let what =
            if self.files == 0 { "holds no files".to_owned() } else { "holds no xtrabackup_checkpoints".to_owned() };
        if self.places.is_empty() {
            return Failure::unsupported(format!("it is no backup by mariadb-backup: it {what}"))
                .with_hint("a copy of a data directory cannot be trusted to be of one instant; make it with `mariadb-backup --backup`");
        }
        Failure::corrupt(format!("it is not whole, or no backup by mariadb-backup: it {what}"))
    }
}

/// The first file of InnoDB's system tablespace.
fn system_file(settings: &str) -> &str {
    let path = settings.lines().find_map(|line| line.trim().strip_prefix("innodb_data_file_path="));
    path.and_then(|path| path.split(':').next()).filter(|name| !name.is_empty()).unwrap_or(SYSTEM)
}

/// The directory with its `/`, and the name in it.
fn split(path: &str) -> (&str, &str) {
    path.split_at(path.rfind('/').map_or(0, |at| at + 1))
}

/// Checks the path of an entry, and gives it without `./` before it; nothing for the directory that was packed itself.
///
/// # Errors
/// `corrupt` when it would lie outside of where it is unpacked, or names what no file can be called.
pub(super) fn entry_path(path: &[u8]) -> Result<Option<String>> {
    let outside = |text: &str| {
        Failure::corrupt(format!(
            "it holds `{}`, which would lie outside of the directory it is unpacked to",
            shown(text)
        ))
    };
    let text = String::from_utf8(path.to_vec()).map_err(|error| {
        Failure::unsupported(format!(
            "it holds a name that is not UTF-8: `{}`",
            shown(&String::from_utf8_lossy(error.as_bytes()))
        ))
    })?;
    if text.starts_with('/') {
        return Err(outside(&text));
    }
    if text.chars().any(char::is_control) {
        return Err(Failure::corrupt(format!("it holds a name with control characters: `{}`", shown(&text))));
    }
    let parts: Vec<&str> = text.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    if parts.contains(&"..") {
        return Err(outside(&text));
    }
    Ok((!parts.is_empty()).then(|| parts.join("/")))
}

/// As much of a name as fits into a sentence.
pub(super) fn shown(name: &str) -> String {
    name.chars().take(120).flat_map(char::escape_debug).collect()
}
