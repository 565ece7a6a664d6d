//! Standard output for `mariadb-binlog --raw`, which knows files only: a link that lies where the file would.

use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use bulkhead_model::{Failure, Result};

/// Tells directories of one process apart; scratch directories are new with each attempt.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// Makes a directory below `scratch` in which the log that `arguments` name is a link to standard output, and gives the argument that
/// names the directory. With `--stop-never` logs that follow become files beside it; they go with the attempt.
pub(super) fn to_stdout(scratch: &Path, arguments: &[String]) -> Result<String> {
    let log = arguments.iter().find(|argument| !argument.starts_with('-'));
    let log = log.ok_or_else(|| Failure::internal("a raw log without a name"))?;
    let directory = scratch.join(format!(".raw-{}", NEXT.fetch_add(1, Ordering::Relaxed)));
    let made = std::fs::DirBuilder::new()
        .mode(0o700)
        .create(&directory)
        .and_then(|()| std::os::unix::fs::symlink("/proc/self/fd/1", directory.join(log)));
    made.map_err(|error| Failure::unavailable(format!("cannot prepare the output of a raw log: {error}")))?;
    // The tool puts the log's name behind it as it is.
    let directory =
        directory.to_str().ok_or_else(|| Failure::invalid("the path of the scratch directory is not UTF-8"))?;
    Ok(format!("--result-file={directory}/"))
}
