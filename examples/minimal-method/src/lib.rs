//! The smallest method plugin: keeps one small object, and reads it back to restore.

use bulkhead_plugin_sdk::method::*;

struct Minimal;

impl MethodPlugin for Minimal {
    fn describe() -> Description {
        Description::new("minimal-method", env!("CARGO_PKG_VERSION"), "minimal")
            .engine("example")
            .media_type("text/plain")
    }

    async fn backup(request: BackupRequest, writer: Writer) -> Result<Report> {
        let text = format!("the state of {}\n", request.service.id);
        writer.write("state.txt", "text/plain", Source::from_bytes(text)).await?;
        Ok(Report::new("1.0"))
    }

    async fn restore(request: RestoreRequest, reader: Reader) -> Result<Restored> {
        let link = request.chain.first().ok_or_else(|| Failure::invalid("an empty chain"))?;
        let state = reader.open(&link.backup, "state.txt").await?.read_all(1024).await?;
        info!("restored"; "state" => String::from_utf8_lossy(&state));
        Ok(Restored::at(link.report.positions.clone()))
    }
}

register_method!(Minimal);
