//! Whether a server's data is what a backup was made of, grown older.
//!
//! `mariadb-backup` compares nothing but positions in InnoDB's log, and takes one that the server has not reached for an increment of
//! nothing. A position says nothing either after the data directory was replaced: by another server's, by an older copy, by a restore of
//! this very backup. So more than one mark has to agree.

use std::collections::BTreeMap;

use bulkhead_plugin_sdk::method::{Report, Result, Series, database};

use crate::server::Server;

impl Server {
    /// Why an increment on a backup with that report would not fit the server's data; `None` when nothing speaks against it.
    ///
    /// # Errors
    /// As [`database::query`].
    pub async fn differs_from(&self, base: &Report) -> Result<Option<String>> {
        if Series::of(&base.server_version)? != Series::of(self.version())? {
            return Ok(Some(format!("it is of a server {}, which now is {}", base.server_version, self.version())));
        }
        if let Some(reason) = self.another(base) {
            return Ok(Some(reason));
        }
        self.another_log(base).await
    }

    fn another(&self, base: &Report) -> Option<String> {
        let mut own = Report::new(self.version());
        self.report(&mut own);
        for (name, what) in [
            ("server.uid", "the server is another one"),
            ("server.id", "the server has another id"),
            ("data.since", "the data directory was replaced since"),
            ("innodb.settings", "the server keeps its data in another way"),
        ] {
            if let (Some(then), Some(now)) = (base.position(name), own.position(name))
                && then != now
            {
                return Some(format!("{what} ({name} was {then}, is {now})"));
            }
        }
        let then = base.position("lsn.last").and_then(|lsn| lsn.parse::<u64>().ok());
        match (then, self.lsn) {
            (Some(then), Some(now)) if then <= now => None,
            (Some(then), Some(now)) => Some(format!(
                "InnoDB's log ended at {then} then and ends at {now} now: the data is older than the backup"
            )),
            _ => Some("its place in InnoDB's log is not known".to_owned()),
        }
    }

    /// The binary log goes on where it was, unless it was reset or the data under it replaced.
    async fn another_log(&self, base: &Report) -> Result<Option<String>> {
        let Some(gtid) = base.position("gtid") else { return Ok(None) };
        let reached = latest(self.gtids.iter().map(String::as_str));
        if let Some((domain, sequence)) =
            latest([gtid]).into_iter().find(|(domain, then)| reached.get(domain) < Some(then))
        {
            return Ok(Some(format!(
                "the server has not reached transaction {sequence} of domain {domain}, which it holds"
            )));
        }
        let (Some(file), Some(position)) = (base.position("binlog.file"), base.position("binlog.position")) else {
            return Ok(None);
        };
        let logs = database::query("SHOW BINARY LOGS").await?;
        let kept = logs.rows.iter().any(|row| row.first().is_some_and(|name| name.as_deref() == Some(file)));
        if !kept || !plain(file) || position.parse::<u64>().is_err() {
            return Ok(None);
        }
        let now = database::value(&format!("SELECT BINLOG_GTID_POS('{file}', {position})")).await?;
        if now.as_deref().map(set) == Some(set(gtid)) {
            return Ok(None);
        }
        Ok(Some(format!("{file} is another binary log than then: it was reset, or the data directory replaced")))
    }
}

fn plain(file: &str) -> bool {
    file.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

/// The latest sequence number of each domain in lists of GTIDs.
fn latest<'a>(lists: impl IntoIterator<Item = &'a str>) -> BTreeMap<u32, u64> {
    let mut latest = BTreeMap::new();
    for gtid in lists.into_iter().flat_map(|list| list.split(',')) {
        let mut numbers = gtid.trim().splitn(3, '-').map(str::parse::<u64>);
        if let (Some(Ok(domain)), Some(Ok(_)), Some(Ok(sequence))) = (numbers.next(), numbers.next(), numbers.next()) {
            let known = latest.entry(u32::try_from(domain).unwrap_or_default()).or_insert(sequence);
            *known = sequence.max(*known);
        }
    }
    latest
}

fn set(list: &str) -> std::collections::BTreeSet<&str> {
    list.split(',').map(str::trim).filter(|gtid| !gtid.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_of_each_domain_counts() {
        assert_eq!(latest(["0-1-15, 0-2-9,5-1-1", "7-1-3"]), BTreeMap::from([(0, 15), (5, 1), (7, 3)]));
        assert!(latest(["", "nonsense"]).is_empty());
        assert_eq!(set("0-1-2,1-1-1"), set("1-1-1, 0-1-2"));
    }
}
