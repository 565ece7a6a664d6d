//! What a backup has to know of its server first.

use bulkhead_plugin_sdk::method::{Failure, Report, Result, Series, database, tools};
use mariadb_check::{Facts, SYSTEM};

use crate::BACKUP_TOOL;

/// What the server says of itself.
pub struct Server {
    facts: Facts,
    /// User tables and views that it holds.
    tables: String,
    /// What a chain has in common: a restore prepares all of it by the settings of its root, the plugin with the keys among them.
    settings: String,
    /// Whether it can encrypt its data files.
    pub(crate) encrypts: bool,
    /// When its data directory was filled: a restore, a copy and a new installation make every file anew, and InnoDB's tables state
    /// the time of their file. The oldest counts, as an upgrade redefines some.
    data_since: Option<String>,
    /// How far InnoDB's log goes.
    pub(crate) lsn: Option<u64>,
    /// The positions in binary logs that it has reached: in its own, and as a replica.
    pub(crate) gtids: Vec<String>,
}

impl Server {
    /// Asks the server, and refuses one whose backup would not restore.
    ///
    /// # Errors
    /// `unsupported` for data outside the data directory.
    pub async fn ask() -> Result<Self> {
        let facts = Facts::ask().await?;
        if let Some(name) = outside(|name| facts.get(name)) {
            return Err(Failure::unsupported(format!(
                "the server keeps data outside its data directory ({name} = {})",
                facts.get(name)
            ))
            .with_hint("use the method dump for this service"));
        }
        let rows = database::query(&format!(
            "SET STATEMENT time_zone = '+00:00' FOR SELECT \
             (SELECT GROUP_CONCAT(plugin_name ORDER BY plugin_name) FROM information_schema.plugins \
             WHERE plugin_type = 'ENCRYPTION' AND plugin_status = 'ACTIVE') AS encryption, \
             (SELECT COUNT(*) FROM information_schema.tables WHERE table_schema NOT IN {SYSTEM}) AS tables, \
             (SELECT DATE_FORMAT(MIN(create_time), '%Y-%m-%dT%H:%i:%sZ') FROM information_schema.tables \
             WHERE table_schema = 'mysql' AND engine = 'InnoDB') AS since, \
             (SELECT variable_value FROM information_schema.global_status WHERE variable_name = 'Innodb_lsn_current') AS lsn, \
             @@GLOBAL.gtid_binlog_pos AS logged, @@GLOBAL.gtid_slave_pos AS received",
        ))
        .await?;
        let text = |name| rows.first(name).unwrap_or_default().to_owned();
        let settings = ["innodb_page_size", "innodb_data_file_path", "innodb_undo_tablespaces"];
        let mut settings: Vec<String> = settings.iter().map(|name| format!("{name}={}", facts.get(name))).collect();
        settings.extend(rows.first("encryption").map(|plugins| format!("encryption={plugins}")));
        Ok(Self {
            settings: settings.join(" "),
            tables: text("tables"),
            encrypts: rows.first("encryption").is_some(),
            data_since: rows.first("since").map(str::to_owned),
            lsn: rows.first("lsn").and_then(|lsn| lsn.parse().ok()),
            gtids: vec![text("logged"), text("received")],
            facts,
        })
    }

    /// Its version, as it states it.
    pub fn version(&self) -> &str {
        self.facts.version()
    }

    /// Puts what identifies the server and its data into a report.
    pub(crate) fn report(&self, report: &mut Report) {
        self.facts.report(report);
        report.add("tables", self.tables.clone());
        report.add("innodb.settings", self.settings.clone());
        if let Some(since) = &self.data_since {
            report.add("data.since", since.clone());
        }
    }
}

/// Variables that name a directory of data.
const DIRECTORIES: [&str; 4] =
    ["innodb_data_home_dir", "innodb_log_group_home_dir", "innodb_undo_directory", "aria_log_dir_path"];
/// InnoDB's system tablespace: `name:size[:autoextend[:max:size]]`, several with `;` between them.
const FILES: &str = "innodb_data_file_path";

/// The variable that places data elsewhere than directly in the data directory, where a copy of the directory does not have it.
fn outside<'a>(get: impl Fn(&str) -> &'a str) -> Option<&'static str> {
    let data = get("datadir").trim_end_matches('/');
    // Empty is the default, and relative paths begin in the data directory.
    let inside = |place: &str| matches!(place, "" | "." | "./") || place.trim_end_matches('/') == data;
    let directory = DIRECTORIES.into_iter().find(|name| !inside(get(name)));
    let directly = |file: &str| match file.trim().split(':').next().unwrap_or_default().rsplit_once('/') {
        Some((place, _)) => inside(place),
        None => true,
    };
    directory.or_else(|| (!get(FILES).split(';').all(directly)).then_some(FILES))
}

/// The tool reads and writes the data files of its own series alone. Refuses others.
///
/// # Errors
/// `unsupported`, when `version` is of another series than the host's tool.
pub(crate) async fn match_tool(version: &str, whose: &str) -> Result<()> {
    let tool = tools::version(BACKUP_TOOL).await?;
    if Series::of(&tool)? == Series::of(version)? {
        return Ok(());
    }
    let series = Series::of(version)?;
    Err(Failure::unsupported(format!("{whose} is {version}, {BACKUP_TOOL} of this host is {tool}"))
        .with_hint(format!("install {BACKUP_TOOL} {series} and name it in [tools.{BACKUP_TOOL}]")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_that_a_copy_of_the_data_directory_lacks_is_named() {
        let found = |name: &'static str, value: &'static str| {
            outside(|asked| match asked {
                "datadir" => "/var/lib/mysql/",
                asked if asked == name => value,
                FILES => "ibdata1:12M:autoextend",
                _ => "",
            })
        };
        for name in DIRECTORIES {
            for inside in ["", "./", ".", "/var/lib/mysql", "/var/lib/mysql/"] {
                assert_eq!(found(name, inside), None, "{name} {inside}");
            }
            for elsewhere in ["/data2", "../data2", "/var/lib/mysql/innodb"] {
                assert_eq!(found(name, elsewhere), Some(name), "{elsewhere}");
            }
        }
        for inside in ["ibdata1:12M", "a:1G;b:1G:autoextend:max:9G", "./ibdata1:12M", "/var/lib/mysql/ibdata1:12M"] {
            assert_eq!(found(FILES, inside), None, "{inside}");
        }
        for elsewhere in ["/fast/ibdata1:12M:autoextend", "a:1G;/fast/b:1G", "../ibdata1:12M", "innodb/ibdata1:12M"] {
            assert_eq!(found(FILES, elsewhere), Some(FILES), "{elsewhere}");
        }
    }
}
