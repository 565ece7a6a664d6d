//! The plugins that this host has, ready to be called.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bulkhead_model::{Digest, Failure, Method, Result};

use crate::limits::Limits;
use crate::method::MethodPlugin;
use crate::storage::StoragePlugin;
use crate::tools::ToolSet;

/// What a runtime is made of.
#[derive(Clone)]
pub struct RuntimeConfig {
    /// Where compiled plugins are kept; made with mode 0700. Only this host may write there.
    pub cache_dir: PathBuf,
    /// The plugins that came with this host: what they ask for is granted unless `settings` say otherwise.
    pub bundled_dir: Option<PathBuf>,
    /// Directories whose `*.wasm` files are loaded besides. What they ask for must be granted in `settings`.
    pub plugin_dirs: Vec<PathBuf>,
    /// The native programs that plugins may ask for.
    pub tools: ToolSet,
    /// What the operator says of single plugins, by name.
    pub settings: BTreeMap<String, PluginSettings>,
    /// Limits of plugins without own ones.
    pub default_limits: Limits,
}

/// What the operator says of one plugin; `None` leaves the default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PluginSettings {
    /// The grants given, e.g. `tool:mariadb-dump`. `None` grants nothing, or everything asked for by a bundled plugin.
    pub grants: Option<Vec<String>>,
    /// See [`Limits::memory_bytes`].
    pub memory_bytes: Option<usize>,
    /// See [`Limits::compute`].
    pub compute: Option<Duration>,
    /// See [`Limits::deadline`].
    pub deadline: Option<Duration>,
    /// See [`Limits::log_lines`].
    pub log_lines: Option<u32>,
    /// See [`Limits::log_bytes`].
    pub log_bytes: Option<usize>,
}

/// Which contract a plugin fulfils.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PluginKind {
    /// Backs up and restores one kind of database.
    Method,
    /// Keeps artifacts.
    Storage,
}

/// Whether a method's backups need others to be restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChainKind {
    /// Restores alone.
    Standalone,
    /// Restores on top of its base.
    Incremental,
    /// Continues a backup in time.
    Log,
}

/// What a plugin asked for, and whether it got it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedGrant {
    /// E.g. `tool:mariadb-dump`.
    pub grant: String,
    /// The plugin's reason.
    pub reason: String,
    /// Whether the operator agreed.
    pub granted: bool,
}

/// What a plugin says of itself, and what the host knows of it.
#[derive(Clone, Debug, PartialEq)]
pub struct PluginInfo {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its contract.
    pub kind: PluginKind,
    /// SHA-256 of the component.
    pub digest: Digest,
    /// The file it was loaded from.
    pub path: PathBuf,
    /// Whether it came with this host.
    pub bundled: bool,
    /// The method it implements; methods only.
    pub method: Option<Method>,
    /// The engines it can back up; methods only.
    pub engines: Vec<String>,
    /// Media types of its objects; methods only.
    pub media_types: Vec<String>,
    /// How its backups depend on each other; methods only.
    pub chain: Option<ChainKind>,
    /// JSON Schema of its configuration.
    pub config_schema: serde_json::Value,
    /// What it asked for.
    pub grants: Vec<AskedGrant>,
}

/// A component file that is not used, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedPlugin {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub failure: Failure,
}

/// All plugins of this host. Cheap to clone.
#[derive(Clone)]
pub struct Runtime {
    plugins: Arc<Plugins>,
}

#[derive(Default)]
struct Plugins {
    methods: Vec<MethodPlugin>,
    storages: Vec<StoragePlugin>,
    refused: Vec<RefusedPlugin>,
}

impl Runtime {
    /// Finds, compiles (or takes from the cache) and asks all plugins. One that cannot be used is logged and listed in
    /// [`Runtime::refused`]; it does not keep the host from starting.
    ///
    /// # Errors
    /// When the engine cannot run on this machine or a plugin directory cannot be read.
    pub async fn new(_config: RuntimeConfig) -> Result<Self> {
        Ok(Self { plugins: Arc::default() })
    }

    /// What is known of all usable plugins, by name.
    pub fn plugins(&self) -> Vec<PluginInfo> {
        let methods = self.plugins.methods.iter().map(|plugin| plugin.info().clone());
        let mut all: Vec<_> = methods.chain(self.plugins.storages.iter().map(|plugin| plugin.info().clone())).collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// The component files that are not used.
    pub fn refused(&self) -> &[RefusedPlugin] {
        &self.plugins.refused
    }

    /// The plugin that implements `method` for `engine`.
    ///
    /// # Errors
    /// `not-found`.
    pub fn method(&self, engine: &str, method: &Method) -> Result<MethodPlugin> {
        let fits = |info: &PluginInfo| info.method.as_ref() == Some(method) && info.engines.iter().any(|e| e == engine);
        self.plugins
            .methods
            .iter()
            .find(|plugin| fits(plugin.info()))
            .cloned()
            .ok_or_else(|| Failure::not_found(format!("no plugin makes `{method}` backups of `{engine}`")))
    }

    /// The storage plugin of that name.
    ///
    /// # Errors
    /// `not-found`.
    pub fn storage(&self, name: &str) -> Result<StoragePlugin> {
        self.plugins
            .storages
            .iter()
            .find(|plugin| plugin.info().name == name)
            .cloned()
            .ok_or_else(|| Failure::not_found(format!("no storage plugin is named `{name}`")))
    }
}
