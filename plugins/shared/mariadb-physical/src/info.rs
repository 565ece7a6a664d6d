//! What `mariadb-backup` writes beside its stream.

use std::fs;
use std::path::Path;

use bulkhead_plugin_sdk::method::{Failure, Report, Result};

/// Names of the two files: up to 11.1 and since.
const CHECKPOINTS: [&str; 2] = ["mariadb_backup_checkpoints", "xtrabackup_checkpoints"];
const INFO: [&str; 2] = ["mariadb_backup_info", "xtrabackup_info"];

/// The two files.
pub struct Info {
    checkpoints: String,
    info: String,
}

impl Info {
    /// Reads the files in a directory.
    pub fn read(directory: &Path) -> Result<Self> {
        Ok(Self { checkpoints: either(directory, CHECKPOINTS)?, info: either(directory, INFO)? })
    }

    /// Puts positions and time into a report. Fails when the tool made something other than a full backup.
    pub fn report(&self, report: &mut Report) -> Result<()> {
        let kind = value(&self.checkpoints, "backup_type").unwrap_or_default();
        let from = number(&self.checkpoints, "from_lsn")?;
        let to = number(&self.checkpoints, "to_lsn")?;
        let last = number(&self.checkpoints, "last_lsn")?;
        // `full-backuped` is the tool's word for it; `full-prepared` comes later in a backup's life.
        if !kind.starts_with("full") || from != 0 || to > last {
            return Err(Failure::corrupt(format!("the tool reports a {kind} backup from {from} to {to}, last {last}")));
        }
        report.add("lsn.from", from.to_string());
        report.add("lsn.to", to.to_string());
        report.add("lsn.last", last.to_string());
        if let Some([file, position, gtid]) = self.binlog() {
            report.add("binlog.file", file);
            report.add("binlog.position", position);
            report.add("gtid", gtid);
        }
        // The tool runs with TZ=UTC, and its locks are held until just before it states the end.
        let end = value(&self.info, "end_time").ok_or_else(|| missing("end_time"))?;
        report.point_in_time = Some(format!("{}Z", end.replace(' ', "T")));
        Ok(())
    }

    /// `filename 'binlog.000001', position '27073', GTID of the last change '0-1-96'`; absent without a binary log.
    fn binlog(&self) -> Option<[&str; 3]> {
        let (_, rest) = self.info.split_once("binlog_pos = filename ")?;
        let mut quoted = rest.split('\'').skip(1).step_by(2);
        Some([quoted.next()?, quoted.next()?, quoted.next()?])
    }
}

fn either(directory: &Path, names: [&str; 2]) -> Result<String> {
    let found = names.iter().find_map(|name| fs::read_to_string(directory.join(name)).ok());
    found.ok_or_else(|| Failure::corrupt(format!("the tool did not write {}", names[1])))
}

/// The value of a line `key = value`.
fn value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.split_once(" = ").filter(|(name, _)| *name == key)).map(|(_, value)| value.trim())
}

fn number(text: &str, key: &str) -> Result<u64> {
    value(text, key).and_then(|value| value.parse().ok()).ok_or_else(|| missing(key))
}

fn missing(key: &str) -> Failure {
    Failure::corrupt(format!("the tool did not report {key}"))
}
