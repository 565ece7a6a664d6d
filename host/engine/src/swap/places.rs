//! The directories of a swap, all beside the data directory and on its file system.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use bulkhead_model::{AttemptId, Failure, Result};
use rustix::fs::{Access, AtFlags, CWD, RenameFlags, StatxAttributes, StatxFlags};

/// Left free on top of what the data needs: the server writes while it starts.
const SPACE_MARGIN: u64 = 64 << 20;

/// Where everything of one attempt's swap lies.
#[derive(Clone, Debug)]
pub(super) struct Places {
    /// The live directory.
    pub data_dir: PathBuf,
    /// Its parent, which the renames happen in.
    pub parent: PathBuf,
    /// The restored data while it is made.
    pub staging: PathBuf,
    /// What goes on top of the restored data while it is made.
    pub increment: PathBuf,
    /// The live directory after it was moved aside.
    pub old: PathBuf,
    /// The old directory once nobody needs it; whatever has this name may be removed.
    pub discard: PathBuf,
    /// What is being done.
    pub journal: PathBuf,
}

/// The word between the data directory's name and the rest of the names made here.
const MARK: &str = ".bulkhead-";

impl Places {
    pub fn new(data_dir: &Path, attempt: &AttemptId) -> Result<Self> {
        let data_dir = follow_links(data_dir)?;
        let (Some(parent), Some(name)) = (data_dir.parent(), data_dir.file_name()) else {
            return Err(Failure::invalid(format!("`{}` cannot be a data directory", data_dir.display())));
        };
        let beside = |suffix: String| {
            let mut beside = name.to_owned();
            beside.push(MARK);
            beside.push(suffix);
            parent.join(beside)
        };
        Ok(Self {
            staging: beside(format!("staging-{attempt}")),
            increment: beside(format!("increment-{attempt}")),
            old: beside(format!("old-{attempt}")),
            discard: beside(format!("discard-{attempt}")),
            journal: beside("restore.json".to_owned()),
            parent: parent.to_owned(),
            data_dir,
        })
    }

    /// Fails when the data directory cannot be renamed because it is a mount point.
    pub fn check_same_file_system(&self) -> Result<()> {
        let parent = fs::metadata(&self.parent).map_err(|error| {
            Failure::invalid(format!(
                "`{}`, where the data directory lies, cannot be read: {error}",
                self.parent.display()
            ))
        })?;
        let Ok(data) = fs::metadata(&self.data_dir) else {
            // Nothing there: the restore is what brings it back.
            return Ok(());
        };
        if !data.is_dir() {
            return Err(Failure::invalid(format!("data directory `{}` is no directory", self.data_dir.display())));
        }
        if data.dev() != parent.dev() || is_mount_point(&self.data_dir) {
            return Err(Failure::unsupported(format!(
                "data directory `{}` is a mount point and cannot be swapped by renaming",
                self.data_dir.display()
            ))
            .with_hint(
                "keep the data one level below the mount point, e.g. mount /var/lib/mysql and use /var/lib/mysql/data",
            ));
        }
        self.check_no_mounts_inside(data.dev())
    }

    /// What is mounted inside would move away with the old directory, and be emptied with it.
    fn check_no_mounts_inside(&self, device: u64) -> Result<()> {
        for entry in fs::read_dir(&self.data_dir).into_iter().flatten().flatten() {
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.dev() != device || is_mount_point(&entry.path()) {
                return Err(Failure::unsupported(format!(
                    "`{}` in the data directory is a mount point, so the directory cannot be swapped by renaming",
                    entry.file_name().display()
                ))
                .with_hint("mount it outside of the data directory, or move what it holds into it"));
            }
        }
        Ok(())
    }

    /// Fails when this host may not make and rename directories beside the data directory.
    pub fn check_writable(&self) -> Result<()> {
        let needed = Access::WRITE_OK | Access::EXEC_OK;
        match rustix::fs::accessat(CWD, &self.parent, needed, AtFlags::EACCESS) {
            Ok(()) => Ok(()),
            Err(error) => Err(Failure::denied(format!(
                "`{}`, where the data directory is stored, may not be written: {}",
                self.parent.display(),
                io::Error::from(error)
            ))
            .with_hint("run the host as a user that may make directories beside the data directory")),
        }
    }

    /// Fails unless `bytes` more fit beside the data directory.
    pub fn check_space(&self, bytes: u64) -> Result<()> {
        let (needed, free) = (room_for(bytes), free_bytes(&self.parent)?);
        if needed <= free {
            return Ok(());
        }
        Err(Failure::unavailable(format!(
            "not enough disk space for a restore beside `{}`: {needed} bytes needed, {free} bytes free",
            self.data_dir.display()
        ))
        .with_hint("a restore needs room for a second copy until the restored server has answered")
        .with_retry(false))
    }

    pub fn make_staging(&self) -> Result<()> {
        DirBuilder::new().mode(0o700).create(&self.staging).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => Failure::conflict(format!("`{}` exists already", self.staging.display())),
            io::ErrorKind::PermissionDenied => {
                Failure::denied(format!("`{}` may not be written", self.parent.display()))
                    .with_hint("run the host as a user that may make directories beside the data directory")
            }
            _ => Failure::unavailable(format!("`{}` cannot be made: {error}", self.staging.display())),
        })
    }

    /// Makes the directory of an increment, or empties it.
    pub fn make_increment(&self) -> Result<()> {
        let failed =
            |error: io::Error| Failure::unavailable(format!("`{}` cannot be made: {error}", self.increment.display()));
        match fs::remove_dir_all(&self.increment) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        DirBuilder::new().mode(0o700).create(&self.increment).map_err(failed)
    }

    /// Renames and makes the renaming last. Never replaces anything.
    pub fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        let failed = |error: io::Error| {
            Failure::internal(format!("`{}` cannot be renamed to `{}`: {error}", from.display(), to.display()))
        };
        match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            Ok(()) => {}
            // Some file systems do not know the flag; nobody but the server and this host makes names here.
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) if fs::symlink_metadata(to).is_err() => {
                fs::rename(from, to).map_err(failed)?;
            }
            Err(error) => return Err(failed(error.into())),
        }
        self.sync_parent()
    }

    pub fn sync_parent(&self) -> Result<()> {
        File::open(&self.parent)
            .and_then(|parent| parent.sync_all())
            .map_err(|error| Failure::unavailable(format!("`{}` cannot be synced: {error}", self.parent.display())))
    }

    /// What lies beside the data directory under names made here, as (kind, attempt, path); kind is `staging`, `increment`, `old` or
    /// `discard`.
    pub fn strays(&self) -> Vec<(&'static str, AttemptId, PathBuf)> {
        let Some(name) = self.data_dir.file_name().and_then(|name| name.to_str()) else { return Vec::new() };
        let entries = fs::read_dir(&self.parent).into_iter().flatten().flatten();
        let kind_of = |entry: fs::DirEntry| {
            let file_name = entry.file_name();
            let rest = file_name.to_str()?.strip_prefix(name)?.strip_prefix(MARK)?;
            let (kind, attempt) = rest.split_once('-')?;
            let attempt = attempt.parse().ok()?;
            let kind = ["staging", "increment", "old", "discard"].into_iter().find(|known| *known == kind)?;
            Some((kind, attempt, entry.path()))
        };
        entries.filter_map(kind_of).collect()
    }
}

/// The directory itself when the configuration names a symbolic link: the link stays, what it points to is swapped. Works while
/// the last part does not exist.
fn follow_links(path: &Path) -> Result<PathBuf> {
    let mut path = std::path::absolute(path)
        .map_err(|error| Failure::invalid(format!("`{}` is no path: {error}", path.display())))?;
    for _ in 0..8 {
        match (fs::read_link(&path), path.parent()) {
            (Ok(target), Some(parent)) => path = parent.join(target),
            _ => return Ok(path),
        }
    }
    Err(Failure::invalid(format!("`{}` has too many levels of symbolic links", path.display())))
}

/// Bytes that are free where a directory lies.
pub(super) fn free_bytes(directory: &Path) -> Result<u64> {
    let stat = rustix::fs::statvfs(directory).map_err(|error| {
        Failure::unavailable(format!("the free space of `{}` is unknown: {error}", directory.display()))
    })?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// Bytes that have to be free for so many bytes of data.
pub(super) fn room_for(bytes: u64) -> u64 {
    bytes.saturating_add(bytes / 20).saturating_add(SPACE_MARGIN)
}

/// Catches what device numbers do not show: a bind mount of the same file system.
fn is_mount_point(path: &Path) -> bool {
    rustix::fs::statx(CWD, path, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::BASIC_STATS)
        .is_ok_and(|stat| stat.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
}

/// Bytes of all files below a directory; zero for what cannot be read.
pub(super) fn directory_bytes(directory: &Path) -> u64 {
    let (mut bytes, mut todo) = (0, vec![directory.to_owned()]);
    while let Some(directory) = todo.pop() {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(metadata) if metadata.is_dir() => todo.push(entry.path()),
                Ok(metadata) => bytes += metadata.len(),
                Err(_) => {}
            }
        }
    }
    bytes
}

/// Removes a directory as far as possible: what cannot be removed, such as a `lost+found` of root that is not empty, does not keep the
/// rest.
pub(super) fn remove(directory: &Path) -> io::Result<()> {
    let mut first = None;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let removed = if entry.file_type()?.is_dir() {
            // An empty one of somebody else's need not be read.
            fs::remove_dir(entry.path()).or_else(|_| fs::remove_dir_all(entry.path()))
        } else {
            fs::remove_file(entry.path())
        };
        if let Err(error) = removed {
            first.get_or_insert(error);
        }
    }
    fs::remove_dir(directory).map_err(|error| first.unwrap_or(error))
}

/// Removes a directory on a thread that nobody waits for; the next start tries again if this host ends before.
pub(super) fn remove_in_background(path: PathBuf) {
    let spawned = std::thread::Builder::new().name("discard".to_owned()).spawn(move || {
        if let Err(error) = remove(&path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(path = %path.display(), %error, "a directory that nobody needs could not be removed");
        }
    });
    if let Err(error) = spawned {
        tracing::warn!(%error, "no thread to remove a directory that nobody needs");
    }
}
