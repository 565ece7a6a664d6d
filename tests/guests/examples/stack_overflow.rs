//! Calls itself without end.

use bulkhead_plugin_sdk::method::*;

struct Guest;

impl MethodPlugin for Guest {
    fn describe() -> Description {
        Description::new("stack-overflow", "0.1.0", "stack-overflow").engine("mariadb")
    }

    async fn backup(_request: BackupRequest, _writer: Writer) -> Result<Report> {
        Ok(Report::new(deeper(1).to_string()))
    }
}

#[expect(unconditional_recursion, reason = "that is the bad behaviour")]
fn deeper(depth: u64) -> u64 {
    let frame = std::hint::black_box([depth; 64]);
    deeper(depth + 1) + frame[0]
}

register_method!(Guest);
