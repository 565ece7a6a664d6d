//! What the operator keeps in the data directory: keys, certificates, scripts, flags. No backup holds it, and the restored directory
//! gets it from the live one, by hard links: nothing is copied, and nothing of the live directory changes.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, Metadata, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::path::Path;

use bulkhead_model::{Failure, Result};
use rustix::fs::{AtFlags, CWD, FileType, Gid, Mode, Uid};

use super::label;
use super::outside::{is_database, is_table_file};

/// The most entries of directories that are carried over, and how deep they may be.
const MOST: (usize, usize) = (1_000_000, 64);

/// Files of the server that describe its data, its place in its logs or this one run of it: another directory has its own.
const OWN: &[&str] = &[
    "aria_log_control",
    "auto.cnf",
    "ddl.log",
    "ddl_log.log",
    "ddl_recovery-backup.log",
    "ddl_recovery.log",
    "galera.cache",
    "grastate.dat",
    "gvwstate.dat",
    "mariadb_upgrade_info",
    "master.info",
    "multi-master.info",
    "mysql_upgrade_info",
    "relay-log.info",
    "sst_in_progress",
    "tc.log",
];
/// The same, by how their names begin; no database's directory begins with `#`.
const OWN_START: &[&str] = &[
    "#",
    ".rocksdb",
    ".sst",
    "__tokudb",
    "aria_log.",
    "backup-my.cnf",
    "gcache.page.",
    "ib_buffer_pool",
    "ib_logfile",
    "ibdata",
    "ibtmp",
    "innodb_status.",
    "mariadb_backup_",
    "tokudb.",
    "wsrep_",
    "xtrabackup_",
];
/// The same, by how their names end.
const OWN_END: &[&str] = &["-bin.index", ".mrn", ".pid", ".sock", ".sock.lock", ".tokudb"];
/// What belongs to the logs whose name is before it: `binlog.index` to `binlog.000001`.
const OF_LOGS: &[&str] = &[".index", ".state", ".~rec~"];

/// Names in the data directory that are no part of the server's data, in order. Blocks.
pub(super) fn extras(data_dir: &Path) -> io::Result<Vec<OsString>> {
    let entries: Vec<fs::DirEntry> = match fs::read_dir(data_dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?.collect::<io::Result<_>>()?,
    };
    let names: Vec<OsString> = entries.iter().map(fs::DirEntry::file_name).collect();
    let logs: BTreeSet<&str> = names.iter().filter_map(|name| log_of(name.to_str()?)).collect();
    let of_logs = |name: &str| OF_LOGS.iter().any(|end| name.strip_suffix(end).is_some_and(|log| logs.contains(log)));
    let mut extras = Vec::new();
    for entry in &entries {
        let name = entry.file_name();
        if is_extra(entry)? && !name.to_str().is_some_and(of_logs) {
            extras.push(name);
        }
    }
    extras.sort();
    Ok(extras)
}

/// Puts into the restored directory what the live one holds besides the server's data. Returns the names. Blocks.
///
/// # Errors
/// `denied` when something can neither be linked nor read, naming it; nothing of the live directory has changed then.
pub(super) fn carry_over(data_dir: &Path, staging: &Path) -> Result<Vec<String>> {
    let failed = |name: &str, error: &io::Error| {
        Failure::denied(format!(
            "`{name}` in the data directory `{}` is in no backup and cannot be taken over into the restored directory: {error}",
            data_dir.display()
        ))
        .with_hint("let the user that runs the host read it, or move it out of the data directory")
    };
    let mut carried = Vec::new();
    let mut left = MOST.0;
    for name in extras(data_dir).map_err(|error| failed(".", &error))? {
        let shown = name.display().to_string();
        let (from, to) = (data_dir.join(&name), staging.join(&name));
        if fs::symlink_metadata(&to).is_ok() {
            tracing::warn!(name = shown, "the backup holds something of this name: the live file is not taken over");
            continue;
        }
        link_tree(&from, &to, MOST.1, &mut left).map_err(|error| failed(&shown, &error))?;
        carried.push(shown);
    }
    Ok(carried)
}

fn is_extra(entry: &fs::DirEntry) -> io::Result<bool> {
    let (name, kind) = (entry.file_name(), entry.file_type()?);
    // A name that is not text is none of the server's.
    let name = name.to_str().unwrap_or_default();
    if name == "lost+found" || kind.is_socket() || is_own(name) {
        return Ok(false);
    }
    if kind.is_file() {
        return Ok(!holds_data(&entry.path()));
    }
    if kind.is_dir() || (kind.is_symlink() && entry.path().is_dir()) {
        return Ok(!is_database(&entry.path()));
    }
    Ok(true)
}

fn is_own(name: &str) -> bool {
    let numbered = |start: &str, at_least: usize| {
        name.strip_prefix(start).is_some_and(|digits| digits.len() >= at_least && all_digits(digits))
    };
    let replication = ["master-", "relay-log-"].iter().any(|start| name.starts_with(start)) && name.ends_with(".info");
    log_of(name).is_some()
        || replication
        || numbered("undo", 1)
        || OWN.contains(&name)
        || OWN_START.iter().any(|start| name.starts_with(start))
        || OWN_END.iter().any(|end| name.ends_with(end))
        || is_table_file(name)
}

/// The name of the binary or relay log that a file is a part of: `binlog` of `binlog.000001`.
fn log_of(name: &str) -> Option<&str> {
    let (log, number) = name.rsplit_once('.')?;
    (number.len() >= 6 && all_digits(number)).then_some(log)
}

fn all_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a file is data of the server under a name that somebody chose: a binary log, a log of Aria, a tablespace of InnoDB. By
/// its first bytes; one that cannot be read is none.
fn holds_data(path: &Path) -> bool {
    let mut head = [0; 26];
    let Ok(mut file) = File::open(path) else { return false };
    if file.read_exact(&mut head).is_err() {
        return false;
    }
    // The first page of a tablespace is of type 8 (FSP_HDR), and pages have at least 4 KiB.
    let tablespace = head[24..26] == [0, 8]
        && file.metadata().is_ok_and(|metadata| metadata.len() >= 64 << 10 && metadata.len() % 4096 == 0);
    head.starts_with(b"\xfebin") || head.starts_with(b"\xfe\xfe\x0c") || tablespace
}

fn link_tree(from: &Path, to: &Path, depth: usize, left: &mut usize) -> io::Result<()> {
    *left = left.checked_sub(1).ok_or_else(|| io::Error::other(format!("it holds more than {} files", MOST.0)))?;
    let metadata = match fs::symlink_metadata(from) {
        // The server still runs, and may have removed what it had made.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        metadata => metadata?,
    };
    if !metadata.is_dir() {
        return link(from, to, &metadata);
    }
    let deeper = depth.checked_sub(1).ok_or_else(|| io::Error::other("its directories are nested too deeply"))?;
    DirBuilder::new().mode(0o700).create(to)?;
    for entry in fs::read_dir(from)? {
        let name = entry?.file_name();
        link_tree(&from.join(&name), &to.join(&name), deeper, left)?;
    }
    keep_owner(to, &metadata)?;
    label::copy(from, to)?;
    fs::set_permissions(to, Permissions::from_mode(metadata.mode() & 0o7777))
}

/// Links everything that is not a directory; makes it again where links are refused: over a mount point, or to a file of somebody
/// else's.
fn link(from: &Path, to: &Path, metadata: &Metadata) -> io::Result<()> {
    if rustix::fs::linkat(CWD, from, CWD, to, AtFlags::empty()).is_ok() {
        return Ok(());
    }
    let kind = metadata.file_type();
    if kind.is_file() {
        fs::copy(from, to)?;
        label::copy(from, to)?;
    } else if kind.is_symlink() {
        std::os::unix::fs::symlink(fs::read_link(from)?, to)?;
    } else if kind.is_fifo() {
        rustix::fs::mknodat(CWD, to, FileType::Fifo, Mode::from_raw_mode(metadata.mode() & 0o7777), 0)?;
    } else {
        tracing::warn!(path = %from.display(), "a socket or device in the data directory is not taken over");
        return Ok(());
    }
    keep_owner(to, metadata)
}

fn keep_owner(path: &Path, owner: &Metadata) -> io::Result<()> {
    let own = fs::symlink_metadata(path)?;
    if (own.uid(), own.gid()) == (owner.uid(), owner.gid()) {
        return Ok(());
    }
    let (uid, gid) = (Uid::from_raw(owner.uid()), Gid::from_raw(owner.gid()));
    Ok(rustix::fs::chownat(CWD, path, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_operator_keeps_beside_the_data_is_taken_over_and_nothing_else_is() {
        let root = tempfile::tempdir().unwrap();
        let (live, staged) = (root.path().join("live"), root.path().join("staged"));
        let file = |path: &str, content: &[u8]| {
            let path = live.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        };
        // Of the server.
        for name in [
            "ibdata1",
            "ib_logfile0",
            "ibtmp1",
            "undo001",
            "ib_buffer_pool",
            "aria_log_control",
            "aria_log.00000001",
            "mysql-bin.000001",
            "mysql-bin.index",
            "mysql-bin.state",
            "db1-relay-bin.000007",
            "master.info",
            "relay-log-eu.info",
            "grastate.dat",
            "galera.cache",
            "mysqld.pid",
            "tc.log",
            "ddl.log",
            "mariadb_upgrade_info",
            "#rocksdb/CURRENT",
            "shop/db.opt",
            "old/orders.MYD",
            "views/v.frm",
        ] {
            file(name, b"old data");
        }
        file("odd-log.1", b"\xfebin and the events of the old data");
        let mut page = vec![0; 64 << 10];
        page[25] = 8;
        file("space.one", &page);
        fs::create_dir(live.join("empty")).unwrap();
        // Of the operator.
        file("tls/server-key.pem", b"the only key");
        file("tls/old/server-key.pem", b"the one before");
        file("keyfile.enc", b"1;secret");
        file("init.sql", b"SELECT 1");
        file("debian-10.11.flag", b"");
        file("db1.err", b"what the server said");
        file("books.index", b"of no log");
        fs::set_permissions(live.join("tls"), Permissions::from_mode(0o750)).unwrap();
        fs::set_permissions(live.join("keyfile.enc"), Permissions::from_mode(0o400)).unwrap();
        std::os::unix::fs::symlink("/etc/ssl/ca.pem", live.join("ca.pem")).unwrap();
        rustix::fs::mknodat(CWD, live.join("errors"), FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        // Restored; of the same name as something live.
        fs::create_dir_all(staged.join("shop")).unwrap();
        fs::write(staged.join("init.sql"), "restored").unwrap();

        let carried = carry_over(&live, &staged).unwrap();
        assert_eq!(carried, ["books.index", "ca.pem", "db1.err", "debian-10.11.flag", "errors", "keyfile.enc", "tls"]);
        let mut there: Vec<_> = fs::read_dir(&staged).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        there.sort();
        assert_eq!(
            there,
            [
                "books.index",
                "ca.pem",
                "db1.err",
                "debian-10.11.flag",
                "errors",
                "init.sql",
                "keyfile.enc",
                "shop",
                "tls"
            ]
        );
        assert_eq!(fs::read(staged.join("tls/old/server-key.pem")).unwrap(), b"the one before");
        assert_eq!(fs::metadata(staged.join("tls")).unwrap().mode() & 0o777, 0o750);
        assert_eq!(fs::read_link(staged.join("ca.pem")).unwrap(), Path::new("/etc/ssl/ca.pem"));
        assert!(fs::symlink_metadata(staged.join("errors")).unwrap().file_type().is_fifo());
        let inode = |path: &Path| fs::symlink_metadata(path).unwrap().ino();
        assert_eq!(inode(&live.join("keyfile.enc")), inode(&staged.join("keyfile.enc")), "it was copied");
        assert_eq!(fs::read_to_string(staged.join("init.sql")).unwrap(), "restored");

        // Giving up the restored directory takes nothing from the live one.
        fs::remove_dir_all(&staged).unwrap();
        assert_eq!(fs::read(live.join("tls/server-key.pem")).unwrap(), b"the only key");
        assert_eq!(fs::metadata(live.join("keyfile.enc")).unwrap().mode() & 0o777, 0o400);
    }

    #[test]
    fn a_data_directory_that_is_lost_has_nothing_to_take_over() {
        let root = tempfile::tempdir().unwrap();
        assert!(carry_over(&root.path().join("gone"), root.path()).unwrap().is_empty());
    }
}
