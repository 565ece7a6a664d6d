//! Writes where it has no business, also through a link that it makes.

use std::fs;

use bulkhead_plugin_sdk::method::*;

struct Guest;

impl MethodPlugin for Guest {
    fn describe() -> Description {
        Description::new("writes-outside-scratch", "0.1.0", "writes-outside-scratch")
            .engine("mariadb")
            .grant("scratch", "as a way out")
    }

    async fn backup(_request: BackupRequest, _writer: Writer) -> Result<Report> {
        let mut refusals = String::new();
        for path in ["/tmp/bulkhead-guest", "/scratch/../bulkhead-guest", "../bulkhead-guest", "/bulkhead-guest"] {
            match fs::write(path, "x") {
                Ok(()) => return Ok(Report::new(path)),
                Err(error) => refusals.push_str(&format!("{path}: {error}. ")),
            }
        }
        for (target, link) in [("/tmp", "/scratch/absolute"), ("../..", "/scratch/relative")] {
            let written = link_to(target, link).and_then(|()| fs::write(format!("{link}/bulkhead-guest"), "x"));
            match written {
                Ok(()) => return Ok(Report::new(link)),
                Err(error) => refusals.push_str(&format!("{link}: {error}. ")),
            }
        }
        Err(Failure::denied(refusals))
    }
}

#[expect(deprecated, reason = "what replaces it is not stable for this target")]
fn link_to(target: &str, link: &str) -> std::io::Result<()> {
    fs::soft_link(target, link)
}

register_method!(Guest);
