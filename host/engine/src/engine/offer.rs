//! What this host has to offer, for those who ask.

use bulkhead_model::{Digest, Method};

use super::Engine;

/// Which plugin makes the backups of an engine by a method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The engine, e.g. `mariadb`.
    pub engine: String,
    /// The method.
    pub method: Method,
    /// The plugin's name.
    pub plugin: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of its component.
    pub digest: Digest,
}

impl Engine {
    /// Which plugin serves each engine and method; where several could, the one that does.
    pub fn bindings(&self) -> Vec<Binding> {
        let runtime = &self.inner.runtime;
        let mut served: Vec<(String, Method)> = Vec::new();
        for info in runtime.plugins() {
            if let Some(method) = info.method {
                served.extend(info.engines.into_iter().map(|engine| (engine, method.clone())));
            }
        }
        served.sort();
        served.dedup();
        let bind = |(engine, method): (String, Method)| {
            // The same question as before each backup, so that the answer is the same.
            let plugin = runtime.method(&engine, &method).ok()?;
            let info = plugin.info();
            let (plugin, version, digest) = (info.name.clone(), info.version.clone(), info.digest);
            Some(Binding { engine, method, plugin, version, digest })
        };
        served.into_iter().filter_map(bind).collect()
    }
}
