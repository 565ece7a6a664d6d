//! Cargo: what the workspace holds, and running it.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use bulkhead_test_support::{Problem, Result, workspace};
use serde_json::Value;

/// The target all components are built for.
pub const WASM: &str = "wasm32-wasip2";

/// The packages of the workspace, by what they are built for.
pub struct Workspace {
    /// Cargo's target directory.
    pub target: PathBuf,
    /// First-party plugins: their packages.
    pub plugins: Vec<String>,
    /// Example components.
    pub examples: Vec<String>,
    /// Packages whose examples are the misbehaving guests.
    pub guests: Vec<String>,
    /// Those examples.
    pub guest_names: Vec<String>,
    /// Packages of the host, and what tests it: those that people work on one at a time.
    pub hosts: Vec<String>,
    /// The manifests of all packages.
    pub manifests: Vec<PathBuf>,
}

impl Workspace {
    /// Asks `cargo metadata`, once.
    pub fn load() -> Result<&'static Self> {
        static LOADED: OnceLock<Workspace> = OnceLock::new();
        if let Some(loaded) = LOADED.get() {
            return Ok(loaded);
        }
        let loaded = Self::read()?;
        Ok(LOADED.get_or_init(|| loaded))
    }

    fn read() -> Result<Self> {
        let output = cargo(&["metadata", "--no-deps", "--format-version", "1", "--locked"])
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .output()?;
        let metadata: Value = serde_json::from_slice(&output.stdout)
            .map_err(|error| Problem::new(format!("cargo metadata gave no JSON: {error}")))?;
        let mut found = Self {
            target: PathBuf::from(metadata["target_directory"].as_str().unwrap_or("target")),
            plugins: Vec::new(),
            examples: Vec::new(),
            guests: Vec::new(),
            guest_names: Vec::new(),
            hosts: Vec::new(),
            manifests: Vec::new(),
        };
        for package in metadata["packages"].as_array().into_iter().flatten() {
            let name = package["name"].as_str().unwrap_or_default().to_owned();
            let manifest = package["manifest_path"].as_str().unwrap_or_default();
            found.manifests.push(PathBuf::from(manifest));
            if manifest.contains("/tests/guests/") {
                let examples = targets(package).filter(|target| target["kind"][0] == "example");
                found.guest_names.extend(examples.filter_map(|target| target["name"].as_str().map(str::to_owned)));
            }
            if name.starts_with("bulkhead")
                && ["/host/", "/tests/Cargo.toml", "/sdk/testkit/"].iter().any(|part| manifest.contains(part))
            {
                found.hosts.push(name.clone());
            }
            let list = if manifest.contains("/tests/guests/") {
                &mut found.guests
            } else if !has_component(package) {
                continue;
            } else if manifest.contains("/plugins/") {
                &mut found.plugins
            } else {
                &mut found.examples
            };
            list.push(name);
        }
        Ok(found)
    }

    /// Every package that only builds for WebAssembly.
    pub fn components(&self) -> impl Iterator<Item = &String> {
        self.plugins.iter().chain(&self.examples).chain(&self.guests)
    }

    /// `--workspace` without the components.
    pub fn native(&self) -> Vec<String> {
        let excludes = self.components().flat_map(|name| ["--exclude".to_owned(), name.clone()]);
        ["--workspace".to_owned()].into_iter().chain(excludes).collect()
    }
}

fn targets(package: &Value) -> impl Iterator<Item = &Value> {
    package["targets"].as_array().into_iter().flatten()
}

/// Whether the package's library is a component: a `cdylib`.
fn has_component(package: &Value) -> bool {
    let crate_types = targets(package).flat_map(|target| target["crate_types"].as_array().into_iter().flatten());
    crate_types.into_iter().any(|crate_type| crate_type == "cdylib")
}

/// A cargo command in the root of the workspace, with the caller's environment and without input.
pub fn cargo(arguments: &[&str]) -> Command {
    let mut command = program(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments);
    command
}

/// The same of another program that runs cargo.
pub fn program(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(workspace::root()).stdin(Stdio::null());
    // Set by the `cargo run` that started us, for our own package. Some build scripts run again when they change.
    for (variable, _) in std::env::vars_os() {
        let name = variable.to_string_lossy();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&variable);
        }
    }
    command
}

/// Runs a command whose output people see; it has to succeed.
pub fn succeed(command: &mut Command) -> Result<()> {
    let status = command.status()?;
    if status.success() {
        return Ok(());
    }
    let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy()).collect();
    let program = command.get_program().to_string_lossy().into_owned();
    let program = program.rsplit('/').next().unwrap_or_default();
    Err(Problem::new(format!("`{program} {}` failed ({status})", words.join(" "))))
}
