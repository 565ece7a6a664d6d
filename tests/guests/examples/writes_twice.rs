//! Writes two objects of one name.

use bulkhead_plugin_sdk::method::*;

struct Guest;

impl MethodPlugin for Guest {
    fn describe() -> Description {
        Description::new("writes-twice", "0.1.0", "writes-twice").engine("mariadb")
    }

    async fn backup(_request: BackupRequest, writer: Writer) -> Result<Report> {
        writer.write("data.txt", "text/plain", Source::from_bytes("first")).await?;
        writer.write("data.txt", "text/plain", Source::from_bytes("second")).await?;
        Ok(Report::new("1.0"))
    }
}

register_method!(Guest);
