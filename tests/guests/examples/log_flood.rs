//! Logs a gigabyte in long lines, then makes a good backup.

use bulkhead_plugin_sdk::method::*;

struct Guest;

impl MethodPlugin for Guest {
    fn describe() -> Description {
        Description::new("log-flood", "0.1.0", "log-flood").engine("mariadb")
    }

    async fn backup(_request: BackupRequest, writer: Writer) -> Result<Report> {
        let line = "x".repeat(16 << 10);
        for number in 0..65_536 {
            info!("{line}"; "number" => number);
        }
        writer.write("data.txt", "text/plain", Source::from_bytes("fine")).await?;
        Ok(Report::new("1.0"))
    }
}

register_method!(Guest);
