//! What the plugin says of itself.

use bulkhead_plugin_sdk::method::{
    BackupRequest, CheckRequest, Description, Finding, MethodPlugin, Reader, Report, RestoreRequest, Restored, Result,
    Writer, parse,
};

use mariadb_check::Reach;

use crate::config::{Config, SCHEMA};
use crate::{backup, restore};

/// The objects of a backup that are restored, in the order in which they are restored.
pub const USERS: &str = "users.sql";
pub const DATA: &str = "data.sql";
pub const GRANTS: &str = "grants.sql";
/// Their media type.
pub const MEDIA_TYPE: &str = "application/sql";
/// The tool that writes dumps.
pub const DUMP_TOOL: &str = "mariadb-dump";
/// The tool that reads them.
pub const CLIENT_TOOL: &str = "mariadb";

/// The plugin.
pub struct MariadbDump;

impl MethodPlugin for MariadbDump {
    fn describe() -> Description {
        Description::new("mariadb-dump", env!("CARGO_PKG_VERSION"), "dump")
            .engine("mariadb")
            .media_type(MEDIA_TYPE)
            .config_schema(SCHEMA)
            .grant("tool:mariadb-dump", "writes databases as SQL")
            .grant("tool:mariadb", "runs that SQL for a restore")
            .grant(
                "database",
                "reads accounts and their rights, and asks the server for its version, position and tables",
            )
    }

    fn validate(config: &str) -> Result<()> {
        parse::<Config>(config).map(drop)
    }

    async fn backup(request: BackupRequest, writer: Writer) -> Result<Report> {
        backup::run(&request, &writer).await
    }

    async fn restore(request: RestoreRequest, reader: Reader) -> Result<Restored> {
        restore::run(&request, &reader).await
    }

    async fn check(request: CheckRequest, reader: Reader) -> Result<Vec<Finding>> {
        mariadb_check::check(&request, &reader, Reach::Databases).await
    }
}
