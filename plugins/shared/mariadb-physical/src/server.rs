//! What a backup has to know of its server first.

use bulkhead_plugin_sdk::method::{Failure, Result, Series, database, tools};

use crate::plugin::BACKUP_TOOL;

/// What the server says of itself.
pub struct Server {
    /// Its version, as it states it.
    pub version: String,
    /// Its id in replication.
    pub id: String,
    /// User tables that it holds.
    pub tables: String,
    /// Whether it can encrypt its data files.
    pub encrypts: bool,
}

impl Server {
    /// Asks the server, and refuses one whose backup would not restore.
    pub async fn ask() -> Result<Self> {
        let rows = database::query(
            "SELECT VERSION() AS version, @@server_id AS id, @@datadir AS datadir, @@innodb_data_home_dir AS home_dir, \
             @@innodb_log_group_home_dir AS log_dir, @@innodb_undo_directory AS undo_dir, \
             (SELECT COUNT(*) FROM information_schema.plugins WHERE plugin_type = 'ENCRYPTION' AND plugin_status = 'ACTIVE') AS encryption, \
             (SELECT COUNT(*) FROM information_schema.tables \
             WHERE table_schema NOT IN ('information_schema', 'performance_schema', 'mysql', 'sys')) AS tables",
        )
        .await?;
        let text = |name| rows.first(name).unwrap_or_default().to_owned();
        let data = text("datadir");
        for (name, column) in [
            ("innodb_data_home_dir", "home_dir"),
            ("innodb_log_group_home_dir", "log_dir"),
            ("innodb_undo_directory", "undo_dir"),
        ] {
            let place = text(column);
            if !(matches!(place.as_str(), "" | "." | "./") || place.trim_end_matches('/') == data.trim_end_matches('/'))
            {
                return Err(Failure::unsupported(format!("the server keeps data outside its data directory ({name})"))
                    .with_hint("use the method dump for this service"));
            }
        }
        let encrypts = text("encryption") != "0";
        Ok(Self { version: text("version"), id: text("id"), tables: text("tables"), encrypts })
    }
}

/// The tool reads and writes the data files of its own series alone. Refuses others.
///
/// # Errors
/// `unsupported`, when `version` is of another series than the host's tool.
pub async fn match_tool(version: &str, whose: &str) -> Result<()> {
    let tool = tools::version(BACKUP_TOOL).await?;
    if Series::of(&tool)? == Series::of(version)? {
        return Ok(());
    }
    let series = Series::of(version)?;
    Err(Failure::unsupported(format!("{whose} is {version}, {BACKUP_TOOL} of this host is {tool}"))
        .with_hint(format!("install {BACKUP_TOOL} {series} and name it in [tools.{BACKUP_TOOL}]")))
}
