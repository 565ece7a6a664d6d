//! Data that a swap cannot carry: files that belong to a data directory and are stored outside of it.

use std::fs;
use std::io;
use std::path::Path;

use bulkhead_model::{Failure, Result};

/// The end of a file that names the place of an InnoDB tablespace outside of the data directory (`DATA DIRECTORY`).
const LINK: &str = ".isl";

/// Refuses a data directory with tables that a copy of it could not bring back. Blocks.
///
/// # Errors
/// `unsupported`, naming the table; `unavailable` when the directory cannot be read.
pub(super) fn require_inside(data_dir: &Path) -> Result<()> {
    let table = table_elsewhere(data_dir).map_err(|error| {
        Failure::unavailable(format!("the data directory `{}` cannot be read: {error}", data_dir.display()))
    })?;
    let Some(table) = table else { return Ok(()) };
    Err(Failure::unsupported(format!(
        "the server keeps data outside its data directory: table `{table}` was created with DATA DIRECTORY"
    ))
    .with_hint(
        "rebuild the table without DATA DIRECTORY (CREATE TABLE, INSERT ... SELECT, RENAME TABLE), or use the method dump for this service",
    ))
}

/// The databases whose directory is a symbolic link. A copy holds their data; restored, it is in the data directory itself. Blocks.
pub(super) fn linked_databases(data_dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(data_dir).into_iter().flatten().flatten();
    let linked = entries.filter(|entry| {
        entry.file_type().is_ok_and(|kind| kind.is_symlink()) && entry.path().is_dir() && is_database(&entry.path())
    });
    linked.map(|entry| entry.file_name().display().to_string()).collect()
}

/// Refuses restored files that refer to places outside of the directory that they were unpacked into. Blocks.
///
/// # Errors
/// `unsupported`, naming the table.
pub(super) fn require_staged_inside(staging: &Path) -> Result<()> {
    let failed = |error: io::Error| {
        Failure::internal(format!("the restored files in `{}` cannot be read: {error}", staging.display()))
    };
    match table_elsewhere(staging).map_err(failed)? {
        Some(table) => Err(Failure::unsupported(format!(
            "the backup holds table `{table}`, whose data was outside of the data directory (DATA DIRECTORY): \
             a server that starts on the restored files would find it in two places and open neither"
        ))
        .with_hint("restore another backup: one by the method dump, or one that was made when the table was inside")),
        None => Ok(()),
    }
}

/// The first table, as `database/table`, whose tablespace is elsewhere. A partition counts for its table.
fn table_elsewhere(data_dir: &Path) -> io::Result<Option<String>> {
    for entry in fs::read_dir(data_dir)? {
        let entry = entry?;
        if !entry.file_type()?.is_dir() || entry.file_name() == "lost+found" {
            continue;
        }
        let files = match fs::read_dir(entry.path()) {
            Ok(files) => files,
            // Dropped in the meantime; or of somebody else, and no database, as the server could not read it either.
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) => continue,
            Err(error) => return Err(error),
        };
        for file in files {
            let name = file?.file_name();
            if let Some(table) = name.to_str().and_then(|name| name.strip_suffix(LINK)) {
                let table = table.split("#P#").next().unwrap_or(table).split("#p#").next().unwrap_or(table);
                return Ok(Some(format!("{}/{table}", entry.file_name().display())));
            }
        }
    }
    Ok(None)
}

/// Endings of the files that tables, views, triggers and databases are made of, in lower case.
const TABLE_FILES: &[&str] = &[
    "frm", "ibd", "isl", "myd", "myi", "mad", "mai", "csv", "csm", "arz", "arm", "mrg", "par", "trg", "trn", "opt",
    "ibt", "sdi", "cfg",
];

/// Whether a name is one of a table's files.
pub(super) fn is_table_file(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, end)| TABLE_FILES.contains(&end.to_ascii_lowercase().as_str()))
}

/// Whether a directory is a database rather than a directory of the operator's own, which the server shows as a database too. An
/// empty one may be either.
pub(super) fn is_database(directory: &Path) -> bool {
    let Ok(entries) = fs::read_dir(directory) else { return false };
    let mut names = entries.flatten().map(|entry| entry.file_name()).peekable();
    names.peek().is_none() || names.any(|name| name.to_str().is_some_and(is_table_file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_outside_the_data_directory_is_named_and_refused() {
        let data = tempfile::tempdir().unwrap();
        let file = |path: &str| {
            let path = data.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        };
        file("shop/orders.ibd");
        file("lost+found/odd.isl");
        file("odd.isl");
        require_inside(data.path()).unwrap();
        require_staged_inside(data.path()).unwrap();
        file("shop/old#P#p2019.isl");
        for failure in [require_inside(data.path()), require_staged_inside(data.path())] {
            let failure = failure.unwrap_err();
            assert!(failure.message.contains("`shop/old`") && failure.hint.is_some(), "{failure}");
        }
    }

    #[test]
    fn a_database_that_is_a_symbolic_link_is_named() {
        let (data, disk) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for (name, file) in [("tls", "server-key.pem"), ("archive", "db.opt")] {
            fs::create_dir(disk.path().join(name)).unwrap();
            fs::write(disk.path().join(name).join(file), "").unwrap();
            std::os::unix::fs::symlink(disk.path().join(name), data.path().join(name)).unwrap();
        }
        require_inside(data.path()).unwrap();
        assert_eq!(linked_databases(data.path()), ["archive"]);
    }
}
