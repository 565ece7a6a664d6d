//! What the plugin says of itself, and the order of what it does.

use bulkhead_plugin_sdk::method::{
    BackupRequest, CheckRequest, Description, Finding, MethodPlugin, Reader, Report, RestoreRequest, Restored, Result,
    Writer, parse, progress,
};
use mariadb_check::Reach;
use mariadb_physical::{Copying, PROPERTIES, Server};

/// The plugin.
pub struct MariadbFull;

impl MethodPlugin for MariadbFull {
    fn describe() -> Description {
        let schema =
            format!(r#"{{ "type": "object", "additionalProperties": false, "properties": {{ {PROPERTIES} }} }}"#);
        let description = Description::new("mariadb-full", env!("CARGO_PKG_VERSION"), "full").config_schema(&schema);
        mariadb_physical::describe(description)
    }

    fn validate(config: &str) -> Result<()> {
        parse::<Copying>(config)?.validate()
    }

    async fn backup(request: BackupRequest, writer: Writer) -> Result<Report> {
        let config: Copying = request.config()?;
        config.validate()?;
        progress::phase("ask");
        mariadb_physical::copy(Server::ask().await?, &config, None, &writer).await
    }

    async fn restore(request: RestoreRequest, reader: Reader) -> Result<Restored> {
        mariadb_physical::restore(&request, &request.config()?, &reader).await
    }

    async fn check(request: CheckRequest, reader: Reader) -> Result<Vec<Finding>> {
        mariadb_check::check(&request, &reader, Reach::Server).await
    }
}
