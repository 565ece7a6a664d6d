//! What the plugin says of itself.

use bulkhead_plugin_sdk::method::{
    BackupRequest, CheckRequest, Description, Finding, MethodPlugin, Reader, Report, RestoreRequest, Restored, Result,
    Writer, parse,
};

use crate::config::{Config, SCHEMA};
use crate::{backup, check, restore};

/// The media type of an export.
pub const MEDIA_TYPE: &str = "application/surrealql";

/// The plugin.
pub struct SurrealdbExport;

impl MethodPlugin for SurrealdbExport {
    fn describe() -> Description {
        Description::new("surrealdb-export", env!("CARGO_PKG_VERSION"), "export")
            .engine("surrealdb")
            .media_type(MEDIA_TYPE)
            .config_schema(SCHEMA)
            .grant("service", "exports databases over HTTP, and imports them for a restore")
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

    async fn check(request: CheckRequest, reader: Reader) -> Result<Vec<Finding>> {
        check::run(&request, &reader).await
    }
}
