//! Behaves, but takes a while: something can happen to its host meanwhile.

use std::time::Duration;

use bulkhead_plugin_sdk::method::*;
use serde::Deserialize;

struct Guest;

#[derive(Deserialize)]
struct Config {
    /// How long it takes.
    millis: u64,
}

impl MethodPlugin for Guest {
    fn describe() -> Description {
        Description::new("takes-its-time", "0.1.0", "slow").engine("example").config_schema(r#"{"type":"object"}"#)
    }

    async fn backup(request: BackupRequest, writer: Writer) -> Result<Report> {
        let config: Config = request.config()?;
        std::thread::sleep(Duration::from_millis(config.millis / 2));
        let text = format!("the state of {}\n", request.service.id).repeat(1000);
        writer.write("state.txt", "text/plain", Source::from_bytes(text)).await?;
        std::thread::sleep(Duration::from_millis(config.millis / 2));
        Ok(Report::new("1.0"))
    }
}

register_method!(Guest);
