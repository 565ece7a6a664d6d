//! `[plugins]` and `[plugins.NAME]`: where components lie and what they may do.

use std::collections::BTreeMap;
use std::path::PathBuf;

use bulkhead_runtime::PluginSettings;

use super::Context;
use super::reader::Section;

/// `[plugins]`.
#[derive(Clone, Debug, Default)]
pub struct Plugins {
    /// A directory of `*.wasm` files besides those that came with the host.
    pub dir: Option<PathBuf>,
    /// Where compiled components are kept; `cache` in the data directory by default.
    pub cache_dir: Option<PathBuf>,
    /// What the operator says of single plugins.
    pub settings: BTreeMap<String, PluginSettings>,
}

/// Reads `[plugins]` and every `[plugins.NAME]`.
pub fn read(root: &Section<'_>, context: &Context) -> Plugins {
    let mut plugins = Plugins::default();
    let Some(section) = root.table("plugins") else { return plugins };
    plugins.dir = section.file("dir", &context.base);
    if let Some(dir) = &plugins.dir
        && !dir.is_dir()
    {
        section.wrong("dir", format!("{} is no directory", dir.display()), "make it, or remove the key");
    }
    plugins.cache_dir = section.file("cache_dir", &context.base);
    for name in section.keys().filter(|name| !matches!(*name, "dir" | "cache_dir")) {
        let Some(plugin) = section.table(name) else { continue };
        let settings = PluginSettings {
            grants: present(&plugin, "grants", |key| plugin.texts(key)),
            memory_bytes: present(&plugin, "memory", |key| plugin.bytes(key, 0)).and_then(|n| usize::try_from(n).ok()),
            compute: present(&plugin, "compute", |key| plugin.duration(key, std::time::Duration::ZERO)),
            deadline: present(&plugin, "deadline", |key| plugin.duration(key, std::time::Duration::ZERO)),
            log_lines: plugin.integer("log_lines", 0..=10_000_000).and_then(|n| u32::try_from(n).ok()),
            log_bytes: present(&plugin, "log_bytes", |key| plugin.bytes(key, 0)).and_then(|n| usize::try_from(n).ok()),
        };
        plugin.finish();
        plugins.settings.insert(name.to_owned(), settings);
    }
    section.finish();
    plugins
}

/// Reads a key only when it is there; it is known either way.
fn present<T>(section: &Section<'_>, key: &str, read: impl FnOnce(&str) -> T) -> Option<T> {
    let value = read(key);
    section.keys().any(|name| name == key).then_some(value)
}
