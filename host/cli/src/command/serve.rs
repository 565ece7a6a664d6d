use std::path::PathBuf;

use clap::Args;

use crate::config::{Config, DEFAULT_FILE, Environment};
use crate::exit::{Exit, ExitKind};
use crate::{telemetry, wiring};

/// `bulkhead serve`.
#[derive(Args)]
pub struct Serve {
    /// The configuration
    #[arg(long, value_name = "FILE", env = "BULKHEAD_CONFIG", default_value = DEFAULT_FILE)]
    config: PathBuf,
}

impl Serve {
    pub(super) fn run(self) -> Result<(), Exit> {
        let environment = Environment::of_process();
        let fail_at = environment.get("BULKHEAD_FAIL_AT").map(str::to_owned);
        let config = Config::load(&self.config, environment)?;
        let _telemetry = telemetry::init(&config.log, config.traces.as_ref(), &config.server.host)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|error| Exit::new(ExitKind::Failed, format!("no threads can be started: {error}")))?;
        let outcome = runtime.block_on(wiring::serve(config, fail_at));
        // What still blocks a thread, e.g. a full pipe, does not keep the process.
        runtime.shutdown_background();
        Ok(outcome?)
    }
}
