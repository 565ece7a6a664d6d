//! Lets a restored server go on counting its transactions from where the restored data is, instead of from 1: numbers that were given
//! out before, to transactions that are in an archive or on a replica, would otherwise be given out again to others.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bulkhead_model::{Failure, Report, Result};

use crate::config::ServiceConfig;

/// One question.
const ASK: Duration = Duration::from_secs(10);

/// Writes the state of the binary log into the staged directory, where a server that finds no log takes it from
/// (<https://mariadb.com/kb/en/gtid/>: the file `.state` beside the log's index). A server whose logs lie elsewhere keeps them, and counts on
/// from there.
pub(super) async fn keep(service: &ServiceConfig, staging: &Path, base: &Report, reached: Option<&str>) -> Result<()> {
    let Some(reached) = reached.filter(|gtid| !gtid.is_empty()) else { return Ok(()) };
    let Some(log) = log_in_data_dir(service, base).await else { return Ok(()) };
    let Some(directory) = log.parent().map(|parent| staging.join(parent)).filter(|directory| directory.is_dir()) else {
        tracing::warn!(log = %log.display(), "the directory of the binary log is not part of the backup; the server makes its own");
        return Ok(());
    };
    let Some(name) = log.file_name().and_then(|name| name.to_str()) else { return Ok(()) };
    let file = directory.join(format!("{name}.state"));
    let failed = |error: std::io::Error| Failure::unavailable(format!("cannot write {}: {error}", file.display()));
    let mut state = std::fs::File::create(&file).map_err(failed)?;
    for gtid in reached.split(',') {
        writeln!(state, "{}", gtid.trim()).map_err(failed)?;
    }
    state.sync_all().map_err(failed)
}

/// The path of the target's binary log without its number, relative to its data directory; `None` when it keeps none there.
async fn log_in_data_dir(service: &ServiceConfig, base: &Report) -> Option<PathBuf> {
    let asked = service
        .connection
        .query("SELECT @@log_bin, @@log_bin_basename, @@datadir", ASK, 64 << 10)
        .await
        .ok()
        .and_then(|rows| rows.rows.into_iter().next());
    match asked.as_deref() {
        Some([Some(on), Some(log), Some(data)]) if on == "1" => {
            Path::new(log).strip_prefix(data).ok().map(Path::to_owned)
        }
        Some(_) => None,
        // A server that is down, which may be why it is restored, has presumably what the backed-up one had.
        None if base.position("log_bin.in_datadir") == Some("1") => base.position("log_bin.name").map(PathBuf::from),
        None => None,
    }
}
