//! What the plugin says of itself, and the order of what it does.

use bulkhead_plugin_sdk::method::{
    BackupRequest, ChainKind, CheckRequest, Description, Finding, MethodPlugin, Reader, Report, RestoreRequest,
    Restored, Result, Writer, info, parse, progress,
};
use mariadb_check::Reach;
use mariadb_physical::Server;

use crate::base::{self, Start};
use crate::config::{Config, schema};

/// The plugin.
pub struct MariadbIncremental;

impl MethodPlugin for MariadbIncremental {
    fn describe() -> Description {
        let description = Description::new("mariadb-incremental", env!("CARGO_PKG_VERSION"), "incremental")
            .chain(ChainKind::Incremental)
            .config_schema(&schema());
        mariadb_physical::describe(description)
    }

    fn validate(config: &str) -> Result<()> {
        parse::<Config>(config)?.validate()
    }

    async fn backup(request: BackupRequest, writer: Writer) -> Result<Report> {
        let config: Config = request.config()?;
        config.validate()?;
        progress::phase("ask");
        let server = Server::ask().await?;
        match base::choose(&request.chain, &server, &config).await? {
            Start::On(base) => mariadb_physical::copy(server, &config.copying, Some(&base), &writer).await,
            Start::Anew(reason) => {
                info!("begins a new chain"; "reason" => reason);
                let mut report = mariadb_physical::copy(server, &config.copying, None, &writer).await?;
                report.add("chain.renewed", reason);
                Ok(report)
            }
        }
    }

    async fn restore(request: RestoreRequest, reader: Reader) -> Result<Restored> {
        let config: Config = request.config()?;
        mariadb_physical::restore(&request, &config.copying, &reader).await
    }

    async fn check(request: CheckRequest, reader: Reader) -> Result<Vec<Finding>> {
        mariadb_check::check(&request, &reader, Reach::Server).await
    }
}
