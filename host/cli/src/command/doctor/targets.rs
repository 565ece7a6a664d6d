//! Targets: can an object be written, read back, listed and deleted?

use bulkhead_engine::{ProbeState, probe_target};
use bulkhead_runtime::Runtime;

use super::report::{Report, State};
use crate::config::Config;
use crate::wiring;

/// Checks every target.
pub async fn check(config: &Config, runtime: &Runtime, report: &mut Report) {
    let plugins = runtime.plugins();
    for target in &config.targets {
        let target = wiring::absolute_directories(config, target, &plugins);
        let subject = format!("target {}", target.id);
        let found = probe_target(runtime, &target).await;
        if found.ok {
            report.good(&subject, format!("an object was written, read and deleted ({})", target.plugin));
        }
        for step in found.steps {
            let state = match step.state {
                ProbeState::Failed => State::Problem,
                ProbeState::Warning => State::Warning,
                ProbeState::Ok | ProbeState::Skipped => continue,
            };
            report.add(state, &subject, format!("{}: {}", step.name, step.message.unwrap_or_default()), step.hint);
        }
    }
}
