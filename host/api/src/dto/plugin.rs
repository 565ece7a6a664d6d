use bulkhead_engine::PluginInfo;
use serde::Serialize;
use utoipa::ToSchema;

/// A plugin that this host has loaded.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Plugin)]
pub struct PluginDto {
    name: String,
    version: String,
    kind: PluginKind,
    /// SHA-256 of the component.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    digest: String,
    /// Whether it came with this host.
    bundled: bool,
    /// The method that a method plugin brings.
    #[serde(rename = "type")]
    method: Option<String>,
    engines: Vec<String>,
    media_types: Vec<String>,
    /// JSON Schema of its configuration.
    config_schema: serde_json::Value,
    grants: Vec<GrantDto>,
    /// Microseconds to load the component when this host started.
    load_us: u64,
    /// Microseconds for a fresh sandbox and one call in it.
    instance_us: u64,
}

/// What a plugin brings.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum PluginKind {
    Method,
    Storage,
}

/// What a plugin asked for.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Grant)]
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
            load_us: plugin.load_time.as_micros().try_into().unwrap_or(u64::MAX),
            instance_us: plugin.instance_time.as_micros().try_into().unwrap_or(u64::MAX),
            kind: if plugin.method.is_some() { PluginKind::Method } else { PluginKind::Storage },
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
