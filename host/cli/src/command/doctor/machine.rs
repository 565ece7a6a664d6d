//! The machine: the data directory and what the kernel offers.

use landlock::{ABI, Access, AccessFs, CompatLevel, Compatible, Ruleset, RulesetAttr};

use super::report::Report;
use crate::config::Config;

/// Checks the machine.
pub fn check(config: &Config, report: &mut Report) {
    data_dir(config, report);
    landlock(report);
}

fn data_dir(config: &Config, report: &mut Report) {
    let path = &config.server.data_dir;
    let shown = path.display().to_string();
    if !path.exists() {
        return report.warning("data directory", format!("{shown} is not there yet"), "the first start makes it");
    }
    let probe = path.join(format!(".doctor-{}", std::process::id()));
    let written = std::fs::write(&probe, b"probe").and_then(|()| std::fs::remove_file(&probe));
    match written {
        Ok(()) => report.good("data directory", shown),
        Err(error) => report.problem(
            "data directory",
            format!("{shown} cannot be written: {error}"),
            "let the user that runs bulkhead own it, or name another under [server] data_dir",
        ),
    }
}

/// Landlock confines the tools that plugins run.
fn landlock(report: &mut Report) {
    let possible = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(ABI::V1))
        .and_then(Ruleset::create);
    match possible {
        Ok(_) => report.good("landlock", "the kernel confines tools"),
        Err(_) => report.warning(
            "landlock",
            "this kernel does not confine tools; they run without it",
            "use Linux 5.13 or newer with landlock among the kernel's lsm= modules",
        ),
    }
}
