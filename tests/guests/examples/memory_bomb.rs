//! Takes memory and keeps it.

use bulkhead_plugin_sdk::method::*;

struct Guest;

impl MethodPlugin for Guest {
    fn describe() -> Description {
        Description::new("memory-bomb", "0.1.0", "memory-bomb").engine("mariadb")
    }

    async fn backup(_request: BackupRequest, _writer: Writer) -> Result<Report> {
        let mut taken: Vec<Vec<u8>> = Vec::new();
        loop {
            taken.push(vec![1; 16 << 20]);
            std::hint::black_box(&taken);
        }
    }
}

register_method!(Guest);
