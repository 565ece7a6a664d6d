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

    /// Puts positions and time into a report. Fails when the tool made something other than what goes on top of `base`, a position in
    /// InnoDB's log, or a complete backup without one.
    pub fn report(&self, base: Option<u64>, report: &mut Report) -> Result<()> {
        let kind = value(&self.checkpoints, "backup_type").unwrap_or_default();
        let from = number(&self.checkpoints, "from_lsn")?;
        let to = number(&self.checkpoints, "to_lsn")?;
        let last = number(&self.checkpoints, "last_lsn")?;
        // `full-backuped` is the tool's word for it; `full-prepared` comes later in a backup's life. Asked for changes since a position
        // that the server has not reached, it makes a backup of nothing and says that all is well.
        let wanted = if base.is_some() { kind == "incremental" } else { kind.starts_with("full") };
        if !wanted || from != base.unwrap_or(0) || from > to || to > last {
            return Err(Failure::corrupt(format!("the tool reports a {kind} backup from {from} to {to}, last {last}")));
        }
        report.add("lsn.from", from.to_string());
        report.add("lsn.to", to.to_string());
        report.add("lsn.last", last.to_string());
        // The tool runs with TZ=UTC, and its locks are held until just before it states the end.
        let end = value(&self.info, "end_time").ok_or_else(|| missing("end_time"))?;
        report.point_in_time = Some(format!("{}Z", end.replace(' ', "T")));
        Ok(())
    }

    /// `filename 'binlog.000001', position '27073', GTID of the last change '0-1-96'`; absent without a binary log.
    pub fn binlog(&self) -> Option<[&str; 3]> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn told(kind: &str, [from, to, last]: [u64; 3], base: Option<u64>) -> Result<Report> {
        let checkpoints = format!("backup_type = {kind}\nfrom_lsn = {from}\nto_lsn = {to}\nlast_lsn = {last}\n");
        let info = "end_time = 2026-01-02 03:04:05\n\
            binlog_pos = filename 'binlog.000001', position '3725', GTID of the last change '0-1-19,7-7-7'\n";
        let info = Info { checkpoints, info: info.to_owned() };
        assert_eq!(info.binlog(), Some(["binlog.000001", "3725", "0-1-19,7-7-7"]));
        let mut report = Report::new("10.11.19-MariaDB");
        info.report(base, &mut report)?;
        Ok(report)
    }

    #[test]
    fn what_the_tool_made_is_what_it_was_asked_for() {
        let report = told("full-backuped", [0, 44_404, 67_629], None).unwrap();
        assert_eq!(report.position("lsn.to"), Some("44404"));
        assert_eq!(report.point_in_time.as_deref(), Some("2026-01-02T03:04:05Z"));
        let report = told("incremental", [44_404, 44_404, 67_629], Some(44_404)).unwrap();
        assert_eq!(report.position("lsn.from"), Some("44404"));
        for (kind, lsns, base) in [
            ("full-backuped", [0, 44_404, 67_629], Some(44_404)),
            ("incremental", [44_404, 50_000, 67_629], None),
            ("incremental", [40_000, 50_000, 67_629], Some(44_404)),
            // A position past the end of the server's log.
            ("incremental", [99_999, 44_404, 67_629], Some(99_999)),
            ("full-backuped", [0, 70_000, 67_629], None),
        ] {
            assert!(told(kind, lsns, base).is_err(), "{kind} {lsns:?} on {base:?}");
        }
    }
}
