//! Loading a component into the host's own sandbox.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use bulkhead_runtime::{
    EgressConfig, Limits, MethodPlugin, PluginInfo, PluginKind, Runtime, RuntimeConfig, StoragePlugin, ToolSet,
};

/// Loads a storage plugin. Panics when the file is none.
pub async fn storage_plugin(component: impl AsRef<Path>) -> StoragePlugin {
    let (runtime, info) = load(component.as_ref(), PluginKind::Storage).await;
    runtime.storage(&info.name).expect("the runtime gives what it lists")
}

/// Loads a method plugin. Panics when the file is none.
pub async fn method_plugin(component: impl AsRef<Path>) -> MethodPlugin {
    let (runtime, info) = load(component.as_ref(), PluginKind::Method).await;
    let method = info.method.expect("the component describes itself without a method");
    let engine = info.engines.first().expect("the component describes itself without an engine");
    runtime.method(engine, &method).expect("the runtime gives what it lists")
}

/// Names a directory that keeps compiled components from one test to the next: compiling a large one takes seconds. Without it there is
/// one in the target directory of the test that runs.
const CACHE: &str = "BULKHEAD_COMPONENT_CACHE";

fn cache() -> Option<PathBuf> {
    if let Some(set) = std::env::var_os(CACHE) {
        return Some(set.into());
    }
    let executable = std::env::current_exe().ok()?;
    // target/debug/deps/conformance-...
    let profile = executable.parent().filter(|dir| dir.ends_with("deps"))?.parent()?;
    Some(profile.parent()?.join("component-cache"))
}

async fn load(component: &Path, kind: PluginKind) -> (Runtime, PluginInfo) {
    let place = tempfile::tempdir().expect("a temporary directory can be made");
    let plugins = place.path().join("plugins");
    fs::create_dir(&plugins).expect("a directory can be made");
    let copied = fs::copy(component, plugins.join("plugin.wasm"));
    copied.unwrap_or_else(|error| panic!("component {}: {error}", component.display()));
    let config = RuntimeConfig {
        cache_dir: cache().unwrap_or_else(|| place.path().join("cache")),
        // What is bundled is granted what it asks for.
        bundled_dir: Some(plugins),
        plugin_dirs: Vec::new(),
        tools: ToolSet::new("/nonexistent".into(), BTreeMap::new()),
        settings: BTreeMap::new(),
        default_limits: Limits::default(),
        egress: EgressConfig::default(),
    };
    let runtime = Runtime::new(config).await.expect("the sandbox starts");
    if let Some(refused) = runtime.refused().first() {
        panic!("component {} is refused: {}", component.display(), refused.failure);
    }
    let info = runtime.plugins().pop().expect("the one component is there");
    assert_eq!(info.kind, kind, "component {} is of the other kind", component.display());
    (runtime, info)
}
