//! What `mariadb-backup` writes of a backup beside the data.

use bulkhead_model::{Failure, Report, Result};

/// `xtrabackup_info` and `xtrabackup_checkpoints`, or the same by their newer names.
pub(super) struct Info {
    pub prepared: bool,
    server_version: String,
    from_lsn: String,
    to_lsn: String,
    binlog: String,
}

impl Info {
    /// Reads both.
    ///
    /// # Errors
    /// `corrupt` when they say less than they should, `unsupported` for a backup that does not restore alone.
    pub fn read(info: &str, checkpoints: &str) -> Result<Self> {
        let (info, checkpoints) = (Lines(info), Lines(checkpoints));
        let cut =
            |what: &str| Failure::corrupt(format!("it is not whole: mariadb-backup's own files do not state {what}"));
        let (prepared, whole) = match checkpoints.value("backup_type").unwrap_or_default() {
            "full-backuped" => (false, true),
            "log-applied" | "full-prepared" => (true, true),
            "incremental" => (false, false),
            other => {
                return Err(Failure::unsupported(format!(
                    "its backup_type `{}` is not known",
                    super::inventory::shown(other)
                )));
            }
        };
        if !whole || info.value("incremental") == Some("Y") && !prepared {
            return Err(Failure::unsupported("it is an incremental backup, which goes on top of another one")
                .with_hint("prepare the full backup with its increments (`mariadb-backup --prepare --incremental-dir`), and pack that directory"));
        }
        if info.value("partial") == Some("Y") {
            return Err(Failure::unsupported("it is a partial backup: a server cannot run on it")
                .with_hint("make it without --databases, --tables and their like"));
        }
        let server_version = info.value("server_version").filter(|version| !version.is_empty());
        let to_lsn = checkpoints.value("to_lsn").ok_or_else(|| cut("to_lsn"))?;
        Ok(Self {
            prepared,
            server_version: server_version.ok_or_else(|| cut("server_version"))?.to_owned(),
            from_lsn: checkpoints.value("from_lsn").unwrap_or("0").to_owned(),
            to_lsn: to_lsn.to_owned(),
            binlog: info.value("binlog_pos").unwrap_or_default().to_owned(),
        })
    }

    /// In the words of the method that makes such backups here. `binlog` is its file of that name: file, position and GTID.
    pub fn report(&self, binlog: Option<&str>) -> Report {
        let mut positions =
            vec![("lsn.from".to_owned(), self.from_lsn.clone()), ("lsn.to".to_owned(), self.to_lsn.clone())];
        let words: Vec<&str> = binlog.unwrap_or_default().split_whitespace().collect();
        let quoted: Vec<&str> = self.binlog.split('\'').skip(1).step_by(2).collect();
        let (file, position, gtid) = match (words.as_slice(), quoted.as_slice()) {
            ([file, position, rest @ ..], _) => (*file, *position, rest.first().copied()),
            ([], [file, position, rest @ ..]) => (*file, *position, rest.first().copied()),
            _ => ("", "", None),
        };
        for (name, value) in [("binlog.file", file), ("binlog.position", position), ("gtid", gtid.unwrap_or_default())]
        {
            if !value.is_empty() {
                positions.push((name.to_owned(), value.to_owned()));
            }
        }
        Report { server_version: self.server_version.clone(), point_in_time: None, positions }
    }
}

/// Lines of `name = value`.
struct Lines<'a>(&'a str);

impl<'a> Lines<'a> {
    fn value(&self, name: &str) -> Option<&'a str> {
        self.0.lines().find_map(|line| {
            let (known, value) = line.split_once('=')?;
            (known.trim() == name).then(|| value.trim())
        })
    }
}
