//! Plugins, and the tools they ask for.

use std::collections::{BTreeMap, BTreeSet};

use bulkhead_runtime::{Runtime, ThrowAwayServer, ToolSet};

use super::report::{Report, State};
use crate::config::Config;

/// Checks that plugins load and have what they ask for.
pub fn check(config: &Config, runtime: &Runtime, report: &mut Report) {
    let plugins = runtime.plugins();
    if plugins.is_empty() {
        report.problem(
            "plugins",
            "none is found, so nothing can be backed up",
            "`cargo xtask plugins` builds them beside the program; [plugins] dir names another directory",
        );
    }
    for plugin in &plugins {
        let subject = format!("plugin {}", plugin.name);
        let missing: Vec<_> = plugin.grants.iter().filter(|g| !g.granted).map(|g| format!("\"{}\"", g.grant)).collect();
        if missing.is_empty() {
            report.good(subject, format!("{} {}", plugin.version, plugin.path.display()));
        } else {
            let finding = format!("asks for more than it is granted: {}", missing.join(", "));
            report.warning(subject, finding, format!("grant it under [plugins.{}] grants, if you agree", plugin.name));
        }
    }
    for refused in runtime.refused() {
        report.failure(format!("plugin file {}", refused.path.display()), refused.failure.clone());
    }
    for name in config.plugins.settings.keys().filter(|name| plugins.iter().all(|plugin| plugin.name != **name)) {
        report.warning(format!("plugin {name}"), "is configured, but not there", format!("remove [plugins.{name}]"));
    }
}

/// Checks the tools that plugins ask for; gives their versions.
pub async fn check_tools(runtime: &Runtime, tools: &ToolSet, report: &mut Report) -> BTreeMap<String, String> {
    let plugins = runtime.plugins();
    let asked: BTreeSet<_> = plugins
        .iter()
        .flat_map(|plugin| &plugin.grants)
        .filter_map(|grant| grant.grant.strip_prefix("tool:").map(str::to_owned))
        .collect();
    let mut versions = BTreeMap::new();
    for tool in asked {
        let subject = format!("tool {tool}");
        match tools.version(&tool).await {
            Ok(version) => {
                report.good(subject, version.clone());
                versions.insert(tool, version);
            }
            Err(failure) => {
                let hint = failure.hint.unwrap_or_else(|| {
                    format!("on Debian: apt-get install mariadb-backup mariadb-client; or set [tools.{tool}] path")
                });
                report.add(State::Problem, subject, failure.message, Some(hint));
            }
        }
    }
    // Not for plugins: restores to a moment, parts and drills are the host's own need.
    match ThrowAwayServer::look_for_programs(tools) {
        Ok(()) => report.good("throw-away servers", "mariadbd and mariadb-install-db are there"),
        Err(failure) => report.warning(
            "throw-away servers",
            format!("{}: no restore to a moment, no part, no drill", failure.message),
            failure.hint.unwrap_or_default(),
        ),
    }
    versions
}
