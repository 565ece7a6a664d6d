//! `bulkhead doctor`: would this host work, and what is to be done if not?

mod machine;
mod plugins;
mod report;
mod services;
mod targets;

use std::path::PathBuf;
use std::sync::Arc;

use bulkhead_catalog::Catalog;
use bulkhead_engine::pipeline::Keys;
use bulkhead_model::{Failure, FailureKind, SystemClock};
use bulkhead_runtime::Runtime;
use clap::Args;

use crate::config::{Config, DEFAULT_FILE, Environment};
use crate::exit::{Exit, ExitKind};
use crate::render::{print, print_json};
use crate::wiring;
use report::{Report, State};

/// `bulkhead doctor`.
#[derive(Args)]
pub struct Doctor {
    /// The host's configuration
    #[arg(long, value_name = "FILE", env = "BULKHEAD_CONFIG", default_value = DEFAULT_FILE)]
    config: PathBuf,
}

impl Doctor {
    pub(super) fn run(self, json: bool) -> Result<(), Exit> {
        let mut report = Report::default();
        match Config::load(&self.config, Environment::of_process()) {
            Ok(config) => {
                report.good("configuration", self.config.display().to_string());
                let runtime = tokio::runtime::Builder::new_multi_thread()
                    .enable_all()
                    .build()
                    .map_err(|error| Exit::new(ExitKind::Failed, format!("no threads can be started: {error}")))?;
                runtime.block_on(examine(&config, &mut report));
                runtime.shutdown_background();
            }
            Err(errors) => {
                for error in &errors.0 {
                    let text = error.to_string();
                    let (line, _) = text.split_once("\n  hint: ").unwrap_or((&text, ""));
                    report.add(State::Problem, "configuration", line, error.hint.clone());
                }
            }
        }
        if json {
            print_json(&report.to_json());
        } else {
            print(&report.to_text());
        }
        match report.problems() {
            0 => Ok(()),
            1 => Err(Exit::new(ExitKind::Failed, "1 check found a problem")),
            several => Err(Exit::new(ExitKind::Failed, format!("{several} checks found a problem"))),
        }
    }
}

async fn examine(config: &Config, report: &mut Report) {
    machine::check(config, report);
    keys(config, report);
    catalog(config, report).await;
    let tools = match wiring::tool_set(config) {
        Ok(tools) => tools,
        Err(failure) => return report.failure("tools", failure),
    };
    let runtime = match Runtime::new(wiring::runtime_config(config, tools.clone())).await {
        Ok(runtime) => runtime,
        Err(failure) => return report.failure("plugins", failure),
    };
    plugins::check(config, &runtime, report);
    let versions = plugins::check_tools(&runtime, &tools, report).await;
    targets::check(config, &runtime, report).await;
    services::check(config, &runtime, &versions, report).await;
}

/// Whether this host could open what it encrypts.
fn keys(config: &Config, report: &mut Report) {
    match Keys::load(&config.encryption) {
        Ok(keys) => {
            for lost in keys.lost() {
                let hint = "name the identity under [encryption] identities; without it nothing can be restored, verified or drilled";
                report.add(State::Warning, "encryption", lost, Some(hint.to_owned()));
            }
        }
        Err(failure) => report.failure("encryption", failure),
    }
}

async fn catalog(config: &Config, report: &mut Report) {
    // A first start makes the directory; opening SQLite without it would only say that the file cannot be made.
    if config.catalog_url.starts_with("sqlite:") && !config.server.data_dir.is_dir() {
        return report.good("catalog", "will be made by the first start");
    }
    let opened = match Catalog::open(&config.catalog_url, Arc::new(SystemClock)).await {
        Ok(catalog) => catalog.ping().await,
        Err(failure) => Err(failure),
    };
    match opened {
        Ok(()) => report.good("catalog", "answers"),
        Err(Failure { kind: FailureKind::Conflict, .. }) => report.good("catalog", "in use by a running host"),
        Err(failure) => report.failure("catalog", failure),
    }
}
