//! Sends another number of bytes than it says.
//!
//! Configuration: `{"says": 1048577}`; it sends 1 MiB whatever it says.

use bulkhead_plugin_sdk::method::*;

struct Guest;

impl MethodPlugin for Guest {
    fn describe() -> Description {
        Description::new("ends-early", "0.1.0", "ends-early").engine("mariadb").config_schema(r#"{"type":"object"}"#)
    }

    async fn backup(request: BackupRequest, writer: Writer) -> Result<Report> {
        let config: Config = request.config()?;
        let (mut sink, source) = Source::pipe();
        spawn(async move {
            let _gone = sink.write(vec![7; 1 << 20]).await;
            sink.end(Ok(config.says)).await;
        });
        writer.write("data.txt", "text/plain", source).await?;
        Ok(Report::new("1.0"))
    }
}

#[derive(serde::Deserialize)]
struct Config {
    says: u64,
}

register_method!(Guest);
