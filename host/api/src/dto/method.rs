use bulkhead_engine::Binding;
use serde::Serialize;
use utoipa::ToSchema;

/// The plugin that makes one kind of backup of one engine.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Method)]
pub struct MethodDto {
    engine: String,
    /// The method's name: `full`, `dump`, ...
    #[serde(rename = "type")]
    method: String,
    plugin: String,
    version: String,
    /// SHA-256 of the component.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    digest: String,
}

/// A part of a listing.
#[derive(Debug, Serialize, ToSchema)]
pub struct MethodPage {
    /// By engine and method.
    pub methods: Vec<MethodDto>,
    /// Of all pages together.
    pub methods_count: u64,
    /// Zero when there is no method.
    pub pages_count: u64,
}

impl From<Binding> for MethodDto {
    fn from(binding: Binding) -> Self {
        Self {
            engine: binding.engine,
            method: binding.method.into(),
            plugin: binding.plugin,
            version: binding.version,
            digest: binding.digest.to_string(),
        }
    }
}
