//! SELinux: which files a confined server may use is written on the files. What is made beside a data directory gets the label of the
//! parent directory, which the server may not use.

use std::fs;
use std::io;
use std::path::Path;

use rustix::fs::XattrFlags;
use rustix::io::Errno;

/// The attribute that holds a label.
const LABEL: &str = "security.selinux";
/// Longer than any label.
const LENGTH: usize = 4096;

/// Gives all restored files the label of the live directory, if that has one. Blocks.
///
/// # Errors
/// `Some` label may not be given, while the kernel acts on labels.
pub(super) fn label_like(live: &Path, staging: &Path) -> io::Result<()> {
    match give(LABEL, live, staging) {
        // Labels that nothing asks for are left from another system.
        Err(error) if !enforced() => {
            tracing::warn!(%error, "the restored files have not got the SELinux label of the data directory, which is not enforced here");
            Ok(())
        }
        given => given,
    }
}

/// Gives one file the label of another.
pub(super) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    match read(LABEL, from)? {
        Some(label) => match write(LABEL, to, &label) {
            Err(_) if !enforced() => Ok(()),
            written => written,
        },
        None => Ok(()),
    }
}

fn enforced() -> bool {
    fs::read("/sys/fs/selinux/enforce").is_ok_and(|word| word.starts_with(b"1"))
}

fn give(attribute: &str, live: &Path, staging: &Path) -> io::Result<()> {
    match read(attribute, live)? {
        Some(label) => give_below(attribute, &label, staging),
        None => Ok(()),
    }
}

fn give_below(attribute: &str, label: &[u8], path: &Path) -> io::Result<()> {
    if read(attribute, path)?.as_deref() != Some(label) {
        write(attribute, path, label)?;
    }
    if fs::symlink_metadata(path)?.is_dir() {
        for entry in fs::read_dir(path)? {
            give_below(attribute, label, &entry?.path())?;
        }
    }
    Ok(())
}

/// `None` where files have no such attribute.
fn read(attribute: &str, path: &Path) -> io::Result<Option<Vec<u8>>> {
    let mut value = vec![0; LENGTH];
    match rustix::fs::lgetxattr(path, attribute, value.as_mut_slice()) {
        Ok(length) => {
            value.truncate(length);
            Ok(Some(value))
        }
        Err(Errno::NODATA | Errno::OPNOTSUPP | Errno::NOSYS) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn write(attribute: &str, path: &Path, value: &[u8]) -> io::Result<()> {
    Ok(rustix::fs::lsetxattr(path, attribute, value, XattrFlags::empty())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What anybody may set on a file of their own.
    const STAND_IN: &str = "user.bulkhead-label";

    #[test]
    fn restored_files_get_the_label_of_the_live_directory() {
        let root = tempfile::tempdir().unwrap();
        let (live, staged) = (root.path().join("live"), root.path().join("staged"));
        fs::create_dir(&live).unwrap();
        fs::create_dir_all(staged.join("shop")).unwrap();
        fs::write(staged.join("shop/orders.ibd"), "").unwrap();
        // Without a label nothing is done.
        give(STAND_IN, &live, &staged).unwrap();
        assert_eq!(read(STAND_IN, &staged).unwrap(), None);
        if let Err(error) = write(STAND_IN, &live, b"system_u:object_r:mysqld_db_t:s0") {
            assert_eq!(error.raw_os_error(), Some(Errno::OPNOTSUPP.raw_os_error()), "{error}");
            return;
        }
        give(STAND_IN, &live, &staged).unwrap();
        for path in [staged.clone(), staged.join("shop"), staged.join("shop/orders.ibd")] {
            assert_eq!(read(STAND_IN, &path).unwrap().unwrap(), b"system_u:object_r:mysqld_db_t:s0", "{path:?}");
        }
    }
}
