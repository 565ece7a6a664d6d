//! Makes staged files fit to be the server's.

use std::fs::{self, File, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use bulkhead_model::{Failure, Result};
use rustix::fs::{AtFlags, CWD, Gid, Uid};

use super::carry::carry_over;
use super::label::label_like;
use super::outside::require_staged_inside;
use super::places::Places;

/// What mariadb-backup leaves in a prepared directory for itself. The manifest's report has what matters of it.
const LEFTOVERS: &[&str] = &["xtrabackup_", "mariadb_backup_", "backup-my.cnf"];

/// Gives the staged files to the owner of the live directory, with its SELinux label, removes the backup tool's own files, takes over
/// what the live directory of a MariaDB server holds besides data, and brings everything to disk. Returns the names of what was
/// taken over. Blocks.
pub(super) fn adopt(places: &Places, mariadb: bool) -> Result<Vec<String>> {
    let failed = |error: io::Error| {
        Failure::internal(format!(
            "the restored files in `{}` cannot be made the server's: {error}",
            places.staging.display()
        ))
    };
    remove_leftovers(&places.staging).map_err(failed)?;
    if fs::read_dir(&places.staging).map_err(failed)?.next().is_none() {
        return Err(Failure::corrupt("the method staged no data"));
    }
    if mariadb {
        require_staged_inside(&places.staging)?;
    }
    let mut carried = Vec::new();
    match fs::metadata(&places.data_dir) {
        Ok(live) => {
            give(&places.staging, &live).map_err(failed)?;
            label_like(&places.data_dir, &places.staging).map_err(|error| {
                Failure::denied(format!(
                    "the restored files in `{}` cannot get the SELinux label of the data directory, without which the server may not \
                     use them: {error}",
                    places.staging.display()
                ))
                .with_hint("let the host relabel files (relabelfrom and relabelto), or run it as root")
            })?;
            if mariadb {
                carried = carry_over(&places.data_dir, &places.staging)?;
            }
            fs::set_permissions(&places.staging, Permissions::from_mode(live.mode() & 0o7777)).map_err(failed)?;
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            tracing::warn!(data_dir = %places.data_dir.display(), "no live directory to take the owner from; files keep theirs");
        }
        Err(error) => return Err(failed(error)),
    }
    let directory = File::open(&places.staging).map_err(failed)?;
    rustix::fs::syncfs(&directory).map_err(|error| failed(error.into()))?;
    Ok(carried)
}

fn remove_leftovers(staging: &Path) -> io::Result<()> {
    for entry in fs::read_dir(staging)? {
        let entry = entry?;
        let name = entry.file_name();
        let leftover = name.to_str().is_some_and(|name| LEFTOVERS.iter().any(|start| name.starts_with(start)));
        if leftover && entry.file_type()?.is_file() {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Never follows a symbolic link: what lies outside is not ours to give away.
fn give(path: &Path, live: &Metadata) -> io::Result<()> {
    let metadata = fs::symlink_metadata(path)?;
    if (metadata.uid(), metadata.gid()) != (live.uid(), live.gid()) {
        let (uid, gid) = (Uid::from_raw(live.uid()), Gid::from_raw(live.gid()));
        rustix::fs::chownat(CWD, path, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?;
    }
    if metadata.is_symlink() {
        return Ok(());
    }
    // Modes stay, but the owner must be able to use its own files.
    let needed = if metadata.is_dir() { 0o700 } else { 0o600 };
    if metadata.mode() & needed != needed {
        fs::set_permissions(path, Permissions::from_mode((metadata.mode() & 0o7777) | needed))?;
    }
    if metadata.is_dir() {
        for entry in fs::read_dir(path)? {
            give(&entry?.path(), live)?;
        }
    }
    Ok(())
}
