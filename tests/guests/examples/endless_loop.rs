//! Never gives the processor back.

use bulkhead_plugin_sdk::method::*;

struct Guest;

impl MethodPlugin for Guest {
    fn describe() -> Description {
        Description::new("endless-loop", "0.1.0", "endless-loop").engine("mariadb")
    }

    async fn backup(_request: BackupRequest, _writer: Writer) -> Result<Report> {
        loop {
            std::hint::black_box(());
        }
    }
}

register_method!(Guest);
