//! Reads a file of the host.

use bulkhead_plugin_sdk::method::*;

struct Guest;

impl MethodPlugin for Guest {
    fn describe() -> Description {
        Description::new("reads-passwd", "0.1.0", "reads-passwd").engine("mariadb").grant("scratch", "as a way out")
    }

    async fn backup(_request: BackupRequest, _writer: Writer) -> Result<Report> {
        let mut refusals = String::new();
        for path in ["/etc/passwd", "etc/passwd", "../../../../etc/passwd", "/scratch/../../../../etc/passwd"] {
            match std::fs::read(path) {
                Ok(_) => return Ok(Report::new(path)),
                Err(error) => refusals.push_str(&format!("{path}: {error}. ")),
            }
        }
        Err(Failure::denied(refusals))
    }
}

register_method!(Guest);
