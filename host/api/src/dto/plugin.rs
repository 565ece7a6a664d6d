use bulkhead_engine::PluginInfo;
use serde::Serialize;

/// A plugin that this host has loaded.
#[derive(Debug, Serialize)]
pub struct PluginDto {
    name: String,
    version: String,
    /// `method` or `storage`.
    kind: &'static str,
    /// SHA-256 of the component.
    digest: String,
    bundled: bool,
    #[serde(rename = "type")]
    method: Option<String>,
    engines: Vec<String>,
    media_types: Vec<String>,
    config_schema: serde_json::Value,
    grants: Vec<GrantDto>,
}

/// What a plugin asked for.
#[derive(Debug, Serialize)]
struct GrantDto {
    grant: String,
    reason: String,
    granted: bool,
}

impl From<PluginInfo> for PluginDto {
    fn from(plugin: PluginInfo) -> Self {
        let grants = plugin.grants.into_iter();
        Self {
            name: plugin.name,
            version: plugin.version,
            kind: if plugin.method.is_some() { "method" } else { "storage" },
            digest: plugin.digest.to_string(),
            bundled: plugin.bundled,
            method: plugin.method.map(String::from),
            engines: plugin.engines,
            media_types: plugin.media_types,
            config_schema: plugin.config_schema,
            grants: grants.map(|g| GrantDto { grant: g.grant, reason: g.reason, granted: g.granted }).collect(),
        }
    }
}
