//! `cargo xtask fuzz`: a property-based fuzzer (schemathesis) against a host of its own, by the document the host serves.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use bulkhead_test_support::{BulkheadHost, HostOptions, Problem, Result, ServiceEntry, process, workspace};
use clap::Args;

use crate::cargo::{Workspace, cargo, succeed};
use crate::terminal::{done, note, step};
use crate::{install, plugins};

/// The fuzzer, from PyPI. A newer one may ask for more.
const SCHEMATHESIS: &str = "schemathesis==4.32.5";

/// How hard to try.
#[derive(Args)]
pub struct Arguments {
    /// Requests made up for each operation.
    #[arg(long, default_value_t = 50)]
    examples: u32,
    /// The same seed makes up the same requests.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Passed on to `schemathesis run`, e.g. `--include-path /v1/backups`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    schemathesis: Vec<String>,
}

/// Fuzzes; true when nothing was found.
pub fn run(arguments: &Arguments) -> Result<bool> {
    install::ensure(false)?;
    let workspace = Workspace::load()?;
    step("Components and binary");
    plugins::build()?;
    succeed(cargo(&["build", "--locked"]).args(workspace.native()))?;
    step("The fuzzer");
    let program = schemathesis(&workspace.target)?;
    step("A host with two services that need no server");
    let components = tempfile::tempdir()?;
    for (from, to) in
        [(workspace::example("minimal-method"), "method.wasm"), (workspace::guest("takes_its_time"), "slow.wasm")]
    {
        fs::copy(from, components.path().join(to))?;
    }
    let host = BulkheadHost::start(HostOptions {
        services: vec![ServiceEntry::without_server("db1"), ServiceEntry::without_server("db2")],
        plugin_dir: Some(components.path().to_owned()),
        // The fuzzer is one caller who asks for more than any person does.
        extra: "[limits]\nrequests_per_minute = 100000000\nrequest_burst = 1000000\nrefusals_per_minute = 1000000\n"
            .to_owned(),
        ..HostOptions::default()
    })?;
    for method in ["minimal", "slow"] {
        host.create_backup("db1", method)?;
    }
    let token = host.token("acme", "administrator")?;
    step("Requests");
    let started = Instant::now();
    let mut fuzz = Command::new(program);
    fuzz.arg("run")
        .arg(format!("{}/openapi.json", host.url()))
        .args(["--header", &format!("Authorization: Bearer {token}")])
        .args(["--checks", "all", "--workers", "2", "--request-timeout", "60"])
        // What a schema cannot say (a schedule that never fires, a name with control characters) is refused all the same.
        .args(["--exclude-checks", "positive_data_acceptance"])
        .args(["--max-examples", &arguments.examples.to_string()])
        .args(["--seed", &arguments.seed.to_string()])
        .args(&arguments.schemathesis)
        .current_dir(workspace.target.as_path());
    // A proxy of the machine is not for loopback.
    fuzz.env("NO_PROXY", "127.0.0.1");
    let clean = fuzz.status()?.success();
    let panics = host.log().matches("panicked at").count();
    if panics > 0 {
        note(&format!("the host panicked {panics} times"));
        print!("{}", host.log_tail());
    }
    if clean && panics == 0 {
        done("no server error, and no answer outside the document", started.elapsed());
    }
    Ok(clean && panics == 0)
}

/// The fuzzer in a virtual environment of its own, kept in the target directory.
fn schemathesis(target: &Path) -> Result<PathBuf> {
    let home = target.join("schemathesis").join(SCHEMATHESIS);
    let program = home.join("bin/schemathesis");
    if !program.is_file() {
        let python = process::find_program("python3")
            .ok_or_else(|| Problem::new("python3 is not installed; hint: apt-get install -y python3-venv"))?;
        succeed(Command::new(python).args(["-m", "venv"]).arg(&home))?;
        succeed(Command::new(home.join("bin/pip")).args(["install", "--quiet", SCHEMATHESIS]))?;
    }
    Ok(program)
}
