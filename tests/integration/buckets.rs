//! Backups in object stores: what the components of S3, Google and Azure keep, what they may reach, and what breaks between.

mod external;
mod faults;
mod sandbox;
mod targets;

use std::path::PathBuf;

use bulkhead_test_support::bucket::TargetEntry;
use bulkhead_test_support::{HostOptions, ServiceEntry, workspace};
use serde_json::Value;
use tempfile::TempDir;

/// A host with the smallest method, which needs no database, and these components besides.
pub fn options(components: &[PathBuf], extra: String) -> (HostOptions, TempDir) {
    let plugins = tempfile::tempdir().unwrap();
    for component in components.iter().chain([&workspace::example("minimal-method")]) {
        std::fs::copy(component, plugins.path().join(component.file_name().unwrap())).unwrap();
    }
    let options = HostOptions {
        services: vec![ServiceEntry::without_server("small")],
        plugin_dir: Some(plugins.path().to_owned()),
        extra,
        ..HostOptions::default()
    };
    (options, plugins)
}

/// A `[[target]]` of the operator's; its credentials are in the environment, see [`credentials`].
pub fn target(id: &str, entry: &TargetEntry) -> String {
    let (plugin, config) = (entry.plugin, inline(&entry.config));
    let secret =
        if entry.credentials.is_null() { String::new() } else { format!("credentials_env = \"{}\"\n", variable(id)) };
    format!("[[target]]\nid = \"{id}\"\nplugin = \"{plugin}\"\nconfig = {config}\n{secret}\n")
}

/// The variable with a target's credentials, and its value.
pub fn credentials(id: &str, entry: &TargetEntry) -> (String, String) {
    (variable(id), entry.credentials.to_string())
}

fn variable(id: &str) -> String {
    format!("CREDENTIALS_OF_{}", id.to_uppercase())
}

/// A value as TOML on one line; JSON's texts and numbers are TOML's too.
fn inline(value: &Value) -> String {
    match value {
        Value::Object(entries) => {
            let pairs: Vec<_> = entries.iter().map(|(key, value)| format!("{key} = {}", inline(value))).collect();
            format!("{{ {} }}", pairs.join(", "))
        }
        Value::Array(values) => format!("[{}]", values.iter().map(inline).collect::<Vec<_>>().join(", ")),
        value => value.to_string(),
    }
}
