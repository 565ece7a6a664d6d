//! Sleeps for ever.

use bulkhead_plugin_sdk::method::*;

struct Guest;

impl MethodPlugin for Guest {
    fn describe() -> Description {
        Description::new("hangs", "0.1.0", "hangs").engine("mariadb")
    }

    async fn backup(_request: BackupRequest, _writer: Writer) -> Result<Report> {
        // With nothing to wait for, the runtime of the bindings would panic.
        loop {
            std::thread::sleep(std::time::Duration::from_secs(3600));
        }
    }
}

register_method!(Guest);
