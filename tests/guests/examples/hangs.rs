//! Waits for what never comes.

use bulkhead_plugin_sdk::method::*;

struct Guest;

impl MethodPlugin for Guest {
    fn describe() -> Description {
        Description::new("hangs", "0.1.0", "hangs").engine("mariadb")
    }

    async fn backup(_request: BackupRequest, _writer: Writer) -> Result<Report> {
        std::future::pending().await
    }
}

register_method!(Guest);
