//! What the plugin says of itself.

use bulkhead_plugin_sdk::method::{
    BackupRequest, ChainKind, Description, MethodPlugin, Reader, Report, RestoreRequest, Restored, Result, Writer,
    parse,
};

use crate::config::{Config, SCHEMA};
use crate::{backup, index, restore};

/// The media type of logs.
pub const MEDIA_TYPE: &str = "application/x-mariadb-binlog";
/// The tool that fetches logs, and turns them into SQL.
pub const LOG_TOOL: &str = "mariadb-binlog";
/// The tool that runs that SQL.
pub const CLIENT_TOOL: &str = "mariadb";
/// The method.
pub const METHOD: &str = "binarylog";

/// The plugin.
pub struct MariadbBinlog;

impl MethodPlugin for MariadbBinlog {
    fn describe() -> Description {
        Description::new("mariadb-binlog", env!("CARGO_PKG_VERSION"), METHOD)
            .engine("mariadb")
            .media_type(MEDIA_TYPE)
            .media_type(index::MEDIA_TYPE)
            .chain(ChainKind::Log)
            .config_schema(SCHEMA)
            .grant("tool:mariadb-binlog", "fetches binary logs from the server, and turns them into SQL for a restore")
            .grant("tool:mariadb", "runs that SQL for a restore")
            .grant("database", "asks the server which logs it has and where it is, and has it begin a new one")
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
}
