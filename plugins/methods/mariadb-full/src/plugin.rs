//! What the plugin says of itself.

use bulkhead_plugin_sdk::method::{
    BackupRequest, CheckRequest, Description, Finding, MethodPlugin, Reader, Report, RestoreRequest, Restored, Result, Writer,
    parse,
};

use crate::config::{Config, SCHEMA};
use crate::{backup, check, restore};

/// The object that a backup is made of.
pub const OBJECT: &str = "data.xbstream";
/// Its media type.
pub const MEDIA_TYPE: &str = "application/x-xbstream";
/// The tool that makes backups and prepares them.
pub const BACKUP_TOOL: &str = "mariadb-backup";
/// The tool that unpacks them.
pub const UNPACK_TOOL: &str = "mbstream";

/// The plugin.
pub struct MariadbFull;

impl MethodPlugin for MariadbFull {
    fn describe() -> Description {
        Description::new("mariadb-full", env!("CARGO_PKG_VERSION"), "full")
            .engine("mariadb")
            .media_type(MEDIA_TYPE)
            .config_schema(SCHEMA)
            .grant(
                "tool:mariadb-backup",
                "copies the data files while the server runs, and prepares them for a restore",
            )
            .grant("tool:mbstream", "unpacks a backup for a restore")
            .grant("database", "asks the server for its version and its position in the binary log")
            .grant("server", "puts restored data in the place of the server's data")
            .grant("scratch", "keeps what mariadb-backup reports beside the stream")
    }

    fn validate(config: &str) -> Result<()> {
        parse::<Config>(config)?.validate()
    }

    async fn backup(request: BackupRequest, writer: Writer) -> Result<Report> {
        backup::run(&request, &writer).await
    }

    async fn restore(request: RestoreRequest, reader: Reader) -> Result<Restored> {
        restore::run(&request, &reader).await
    }

    async fn check(request: CheckRequest, _reader: Reader) -> Result<Vec<Finding>> {
        check::run(&request).await
    }
}
