//! `bulkhead.toml`: one file a section. Every key can be overridden by `BULKHEAD_SECTION__KEY`; everything wrong is said at once.

pub mod auth;
mod automatic;
mod catalog;
mod drills;
mod egress;
mod encryption;
mod environment;
pub mod error;
mod front_door;
mod limits;
mod metrics;
mod organization;
mod plugins;
mod reader;
mod server;
mod service;
pub mod surrealdb;
mod target;
#[cfg(test)]
mod tests;
mod tools;
mod tree;
pub mod units;
mod webhooks;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bulkhead_engine::{AutomaticConfig, EncryptionConfig, ServiceConfig, TargetConfig, WebhookConfig};
use bulkhead_model::OrganizationId;
use bulkhead_runtime::EgressConfig;

use auth::{Auth, Secret};
pub use drills::Drills;
use error::{ConfigError, ConfigErrors, Findings};
pub use front_door::FrontDoor;
pub use limits::AllLimits;
pub use plugins::Plugins;
use reader::Section;
pub use server::{Log, LogFormat, Server, Traces};
use service::Surroundings;
pub use tools::Tools;

/// The name looked for in the working directory when none is given.
pub const DEFAULT_FILE: &str = "bulkhead.toml";

/// All that one host is told.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where relative paths start.
    pub base: PathBuf,
    /// `[server]`.
    pub server: Server,
    /// `[log]`.
    pub log: Log,
    /// `[log] otlp_endpoint`.
    pub traces: Option<Traces>,
    /// `[catalog] url`.
    pub catalog_url: String,
    /// `[auth]`.
    pub auth: Auth,
    /// `[encryption]`.
    pub encryption: EncryptionConfig,
    /// `[[organization]]`.
    pub organizations: Vec<OrganizationId>,
    /// `[[target]]`.
    pub targets: Vec<TargetConfig>,
    /// `[[service]]`.
    pub services: Vec<ServiceConfig>,
    /// `[service.front_door]`.
    pub front_doors: Vec<FrontDoor>,
    /// `[tools.NAME]`.
    pub tools: Tools,
    /// `[plugins]`.
    pub plugins: Plugins,
    /// `[limits]`, and the numbers of jobs of organizations, targets and services.
    pub limits: AllLimits,
    /// `[automatic]`.
    pub automatic: AutomaticConfig,
    /// `[drills]`.
    pub drills: Drills,
    /// `[webhooks]`.
    pub webhooks: WebhookConfig,
    /// `[egress]`.
    pub egress: EgressConfig,
    /// `[metrics]`: the token that is asked for.
    pub metrics_token: Option<Secret>,
}

/// The environment, as a value that tests can make up.
#[derive(Clone, Debug, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// The process's own. A variable that is not UTF-8 is none of ours.
    pub fn of_process() -> Self {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect()
    }

    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

impl FromIterator<(String, String)> for Environment {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(variables: I) -> Self {
        Self(variables.into_iter().collect())
    }
}

/// What sections need besides themselves.
pub struct Context {
    /// Where relative paths start: the directory of the file.
    pub base: PathBuf,
    /// For secrets that are named by their variable.
    pub environment: Environment,
}

/// Reads a file into a tree, with the overrides put in.
fn document(
    path: &Path,
    environment: Environment,
    findings: &Findings,
) -> Result<(tree::Table, Context), ConfigErrors> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        let hint = "name the file with --config FILE";
        ConfigErrors::about_file(path, format!("the configuration cannot be read: {error}"), Some(hint))
    })?;
    let mut tree = tree::parse(path, &text)?;
    environment::apply(&mut tree, environment.0.clone(), findings);
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let base = absolute.parent().map_or_else(PathBuf::new, Path::to_owned);
    Ok((tree, Context { base, environment }))
}

impl Config {
    /// Reads and checks everything.
    ///
    /// # Errors
    /// All that is wrong, each with the key, the place and what to do.
    pub fn load(path: &Path, environment: Environment) -> Result<Self, ConfigErrors> {
        let findings = Findings::default();
        let (tree, context) = document(path, environment, &findings)?;
        let root = Section::root(&tree, &findings);
        let server = server::read_server(&root, &context);
        let (log, traces) = server::read_log(&root);
        let catalog_url = catalog::read(&root, &context, &server.data_dir);
        let auth = auth::read(&root, &context);
        let mut encryption = encryption::read(&root, &context);
        let mut limits = limits::read(&root);
        let automatic = automatic::read(&root);
        let drills = drills::read(&root, &context);
        let organizations = organization::read(&root, &context, &mut encryption, &mut limits.jobs);
        let targets = target::read(&root, &context, &organizations, &mut encryption, &mut limits.jobs);
        let mut front_doors = Vec::new();
        let mut surroundings = Surroundings {
            organizations: &organizations,
            automatic: &automatic,
            drills: &drills.when,
            jobs: &mut limits.jobs,
            front_doors: &mut front_doors,
        };
        let services = service::read(&root, &context, &mut surroundings);
        let tools = tools::read(&root, &context);
        let plugins = plugins::read(&root, &context);
        let webhooks = webhooks::read(&root);
        let egress = egress::read(&root, &context);
        let metrics_token = metrics::read(&root, &context);
        if auth == Some(Auth::None) {
            check_open_access(&root, &server, &organizations);
        }
        root.finish();
        let errors = findings.into_errors();
        match auth {
            Some(auth) if errors.is_empty() => Ok(Self {
                base: context.base,
                server,
                log,
                traces,
                catalog_url,
                auth,
                encryption,
                organizations,
                targets,
                services,
                front_doors,
                tools,
                plugins,
                limits,
                automatic,
                drills,
                webhooks,
                egress,
                metrics_token,
            }),
            _ => Err(ConfigErrors(errors)),
        }
    }
}

/// Reads `[auth]` alone: minting a token needs no password of a database.
///
/// # Errors
/// What is wrong with the file or the section.
pub fn load_auth(path: &Path, environment: Environment) -> Result<Auth, ConfigErrors> {
    let findings = Findings::default();
    let (tree, context) = document(path, environment, &findings)?;
    let root = Section::root(&tree, &findings);
    let auth = auth::read(&root, &context);
    let errors: Vec<ConfigError> =
        findings.into_errors().into_iter().filter(|error| error.key.starts_with("auth")).collect();
    match auth {
        Some(auth) if errors.is_empty() => Ok(auth),
        _ => Err(ConfigErrors(errors)),
    }
}

/// Without authentication everybody who reaches the port is administrator.
fn check_open_access(root: &Section<'_>, server: &Server, organizations: &[OrganizationId]) {
    let Some(section) = root.table("auth") else { return };
    if !server.listen.ip().is_loopback() {
        section.wrong(
            "mode",
            format!("\"none\" is only allowed on loopback, and the server listens on {}", server.listen),
            "listen on 127.0.0.1, or remove the mode and set a secret",
        );
    }
    if organizations.len() > 1 {
        section.wrong("mode", "\"none\" needs exactly one organization", "remove the mode and use tokens");
    }
}
