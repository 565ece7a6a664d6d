//! Says that it has made a backup and has written nothing.

use bulkhead_plugin_sdk::method::*;

struct Guest;

impl MethodPlugin for Guest {
    fn describe() -> Description {
        Description::new("success-without-writing", "0.1.0", "success-without-writing").engine("mariadb")
    }

    async fn backup(_request: BackupRequest, _writer: Writer) -> Result<Report> {
        Ok(Report::new("1.0"))
    }
}

register_method!(Guest);
