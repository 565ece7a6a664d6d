//! Who a server is.

use bulkhead_plugin_sdk::method::{Report, Result, database};

/// What a server states of itself in variables.
pub struct Facts(Vec<(String, String)>);

impl Facts {
    /// Asks the job's server.
    ///
    /// # Errors
    /// As [`database::query`].
    pub async fn ask() -> Result<Self> {
        // Not by `@@name`: that is an error for a variable that another version has.
        let rows = database::query(
            "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('version', 'server_id', 'server_uid', 'datadir', 'lower_case_table_names', \
             'log_bin', 'log_bin_basename', 'innodb_data_home_dir', 'innodb_log_group_home_dir', 'innodb_undo_directory', \
             'aria_log_dir_path', \
             'innodb_page_size', 'innodb_data_file_path', 'innodb_undo_tablespaces')",
        )
        .await?;
        let pairs = rows.rows.into_iter().filter_map(|row| match <[Option<String>; 2]>::try_from(row) {
            Ok([Some(name), value]) => Some((name.to_lowercase(), value.unwrap_or_default())),
            _ => None,
        });
        Ok(Self(pairs.collect()))
    }

    /// A variable; empty when the server has none of that name.
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// Its version, as it states it.
    pub fn version(&self) -> &str {
        self.get("version")
    }

    /// Whether it keeps a binary log.
    pub fn keeps_log(&self) -> bool {
        self.get("log_bin") == "ON"
    }

    /// Puts the server's identity, and what a restore has to know to run it again, into a report.
    pub fn report(&self, report: &mut Report) {
        for (position, variable) in [
            ("server.id", "server_id"),
            ("server.uid", "server_uid"),
            ("lower_case_table_names", "lower_case_table_names"),
        ] {
            let value = self.get(variable);
            if !value.is_empty() {
                report.add(position, value);
            }
        }
        if let Some((place, name)) = self.log() {
            report.add("log_bin.name", name);
            report
                .add("log_bin.in_datadir", if place == self.get("datadir").trim_end_matches('/') { "1" } else { "0" });
        }
    }

    /// Directory and name of the binary log.
    fn log(&self) -> Option<(&str, &str)> {
        self.keeps_log().then(|| self.get("log_bin_basename").rsplit_once('/')).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reported(variables: &[(&str, &str)]) -> Vec<(String, String)> {
        let facts = Facts(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect());
        let mut report = Report::new(facts.version());
        facts.report(&mut report);
        report.positions
    }

    #[test]
    fn a_log_beside_the_data_is_told_from_one_elsewhere() {
        let base = [("datadir", "/var/lib/mysql/"), ("log_bin", "ON"), ("log_bin_basename", "/var/lib/mysql/binlog")];
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(reported(&base), [pair("log_bin.name", "binlog"), pair("log_bin.in_datadir", "1")]);
        let elsewhere = [base[0], base[1], ("log_bin_basename", "/var/log/mysql/server-log")];
        assert_eq!(reported(&elsewhere), [pair("log_bin.name", "server-log"), pair("log_bin.in_datadir", "0")]);
        assert_eq!(reported(&[("log_bin", "OFF"), ("server_id", "7")]), [pair("server.id", "7")]);
    }
}
