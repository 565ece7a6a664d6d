//! The plugins that this host has, ready to be called.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bulkhead_model::{Digest, Failure, Method, Result};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::call::Sandbox;
use crate::contract::v0_1::{MethodContract, StorageContract};
use crate::contract::{self, Description};
use crate::egress::{EgressConfig, EgressRules};
use crate::grants::Grants;
use crate::limits::Limits;
use crate::load::{self, Cache};
use crate::method::MethodPlugin;
use crate::stand_in::StandIns;
use crate::storage::StoragePlugin;
use crate::tools::ToolSet;

/// The most time a plugin may take to describe itself.
const DESCRIBE_DEADLINE: Duration = Duration::from_secs(30);

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
    /// Where storage plugins may send requests beyond the public internet.
    pub egress: EgressConfig,
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
    /// Reading, digesting and loading the component, compiled already or not.
    pub load_time: Duration,
    /// A fresh sandbox and one call in it.
    pub instance_time: Duration,
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
    tools: ToolSet,
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
    pub async fn new(config: RuntimeConfig) -> Result<Self> {
        let most_memory = config.settings.values().filter_map(|settings| settings.memory_bytes);
        let most_memory = most_memory.fold(config.default_limits.memory_bytes, usize::max);
        let engine = crate::engine::start(most_memory)?;
        let cache = Cache::open(&config.cache_dir);
        let egress = EgressRules::new(&config.egress)?;

        let mut files = Vec::new();
        if let Some(dir) = &config.bundled_dir {
            files.extend(load::discover(dir)?.into_iter().map(|path| (path, true)));
        }
        for dir in &config.plugin_dirs {
            files.extend(load::discover(dir)?.into_iter().map(|path| (path, false)));
        }
        let mut plugins = Plugins::default();
        for (path, bundled) in files {
            let file = PluginFile { path: path.clone(), bundled };
            if let Err(failure) = plugins.add(&config, &engine, &cache, &egress, file).await {
                let failure = failure.context(format!("plugin file {}", path.display()));
                tracing::error!(%failure, "a plugin is not used");
                plugins.refused.push(RefusedPlugin { path, failure });
            }
        }
        Ok(Self { plugins: Arc::new(plugins), tools: config.tools })
    }

    /// A runtime whose plugins are played by the caller; no component is loaded.
    #[doc(hidden)]
    pub fn of_stand_ins(stand_ins: StandIns, tools: ToolSet) -> Self {
        let StandIns { methods, storages } = stand_ins;
        let methods = methods.into_iter().map(|(info, stand_in)| MethodPlugin::stand_in(info, stand_in)).collect();
        let storages = storages.into_iter().map(|(info, stand_in)| StoragePlugin::stand_in(info, stand_in)).collect();
        Self { plugins: Arc::new(Plugins { methods, storages, refused: Vec::new() }), tools }
    }

    /// What is known of all usable plugins, by name.
    pub fn plugins(&self) -> Vec<PluginInfo> {
        let mut all: Vec<_> = self.plugins.infos().cloned().collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// The native programs of this host.
    pub fn tools(&self) -> &ToolSet {
        &self.tools
    }

    /// The component files that are not used.
    pub fn refused(&self) -> &[RefusedPlugin] {
        &self.plugins.refused
    }

    /// The plugin that implements `method` for `engine`.
    ///
    /// # Errors
    /// `unsupported` when there is none.
    pub fn method(&self, engine: &str, method: &Method) -> Result<MethodPlugin> {
        let fits = |info: &PluginInfo| info.method.as_ref() == Some(method) && info.engines.iter().any(|e| e == engine);
        self.plugins.methods.iter().find(|plugin| fits(plugin.info())).cloned().ok_or_else(|| {
            Failure::unsupported(format!("no plugin makes `{method}` backups of `{engine}`"))
                .with_hint("`bulkhead plugin list` shows what this host can do")
        })
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

struct PluginFile {
    path: PathBuf,
    bundled: bool,
}

impl Plugins {
    /// Loads one file. Names are unique: the first one counts, and bundled plugins come first.
    async fn add(
        &mut self,
        config: &RuntimeConfig,
        engine: &Engine,
        cache: &Cache,
        egress: &EgressRules,
        file: PluginFile,
    ) -> Result<()> {
        let (digest, component, load_time) = {
            let (engine, cache, path) = (engine.clone(), cache.clone(), file.path.clone());
            let loading = tokio::task::spawn_blocking(move || {
                let begun = Instant::now();
                cache.load(&engine, &path).map(|(digest, component)| (digest, component, begun.elapsed()))
            });
            loading
                .await
                .map_err(|error| Failure::internal(format!("the component could not be compiled: {error}")))??
        };
        let kind = contract::kind_of(engine, &component)?;
        let linked = Linked::new(kind, &component)
            .map_err(|error| Failure::unsupported(format!("the component does not fit this host: {error:#}")))?;
        let described = linked.describe(&Sandbox::unnamed(config, engine, &file)).await?;
        described.check()?;
        // The second time is what each call pays; the first also touches the code's pages.
        let begun = Instant::now();
        linked.describe(&Sandbox::unnamed(config, engine, &file)).await?;
        let instance_time = begun.elapsed();
        if let Some(other) = self.infos().find(|info| info.name == described.name) {
            let message = format!("plugin `{}` has been loaded from {}", described.name, other.path.display());
            return Err(Failure::conflict(message));
        }
        let sandbox = Sandbox::named(config, engine, &file, &described);
        let info = PluginInfo { load_time, instance_time, ..info(file, digest, kind, described, &sandbox)? };
        tracing::info!(plugin = info.name, version = info.version, digest = %info.digest, "plugin loaded");
        match linked {
            Linked::Method(contract) => self.methods.push(MethodPlugin::new(info, sandbox, contract, egress.clone())),
            Linked::Storage(contract) => {
                self.storages.push(StoragePlugin::new(info, sandbox, contract, egress.clone()))
            }
        }
        Ok(())
    }

    fn infos(&self) -> impl Iterator<Item = &PluginInfo> {
        self.methods.iter().map(MethodPlugin::info).chain(self.storages.iter().map(StoragePlugin::info))
    }
}

enum Linked {
    Method(MethodContract),
    Storage(StorageContract),
}

impl Linked {
    fn new(kind: PluginKind, component: &Component) -> wasmtime::Result<Self> {
        Ok(match kind {
            PluginKind::Method => Self::Method(MethodContract::link(component)?),
            PluginKind::Storage => Self::Storage(StorageContract::link(component)?),
        })
    }

    async fn describe(&self, sandbox: &Sandbox) -> Result<Description> {
        let (store, call) = sandbox.prepare("describe", None, Vec::new(), None, DESCRIBE_DEADLINE)?;
        let describe = async {
            Ok(Ok(match self {
                Self::Method(contract) => contract.describe(store).await?,
                Self::Storage(contract) => contract.describe(store).await?,
            }))
        };
        call.run(describe).await
    }
}

impl Sandbox {
    /// For `describe`, before the plugin has a name and grants.
    fn unnamed(config: &RuntimeConfig, engine: &Engine, file: &PluginFile) -> Self {
        let name = file.path.file_stem().unwrap_or_default().to_string_lossy();
        Self {
            plugin: name.into(),
            engine: engine.clone(),
            limits: config.default_limits,
            grants: Arc::default(),
            tools: config.tools.clone(),
        }
    }

    fn named(config: &RuntimeConfig, engine: &Engine, file: &PluginFile, described: &Description) -> Self {
        let settings = config.settings.get(&described.name).cloned().unwrap_or_default();
        let asked = described.grants.iter().map(|(grant, _)| grant.clone());
        let defaults = &config.default_limits;
        Self {
            plugin: described.name.as_str().into(),
            engine: engine.clone(),
            limits: Limits {
                memory_bytes: settings.memory_bytes.unwrap_or(defaults.memory_bytes),
                compute: settings.compute.unwrap_or(defaults.compute),
                deadline: settings.deadline.unwrap_or(defaults.deadline),
                log_lines: settings.log_lines.unwrap_or(defaults.log_lines),
                log_bytes: settings.log_bytes.unwrap_or(defaults.log_bytes),
            },
            grants: Arc::new(Grants::new(&described.name, asked, settings.grants.as_deref(), file.bundled)),
            tools: config.tools.clone(),
        }
    }
}

fn info(
    file: PluginFile,
    digest: Digest,
    kind: PluginKind,
    described: Description,
    sandbox: &Sandbox,
) -> Result<PluginInfo> {
    let config_schema = serde_json::from_str(&described.config_schema)
        .map_err(|error| Failure::invalid(format!("the plugin's configuration schema is no JSON: {error}")))?;
    let asked =
        |(grant, reason): (String, String)| AskedGrant { granted: sandbox.grants.allows(&grant), grant, reason };
    let (method, engines, media_types, chain) = match described.method {
        Some(said) => {
            let method: Method = said.method.parse().map_err(Failure::invalid)?;
            (Some(method), said.engines, said.media_types, Some(said.chain))
        }
        None => (None, Vec::new(), Vec::new(), None),
    };
    Ok(PluginInfo {
        name: described.name,
        version: described.version,
        kind,
        digest,
        path: file.path,
        bundled: file.bundled,
        method,
        engines,
        media_types,
        chain,
        config_schema,
        grants: described.grants.into_iter().map(asked).collect(),
        load_time: Duration::ZERO,
        instance_time: Duration::ZERO,
    })
}
