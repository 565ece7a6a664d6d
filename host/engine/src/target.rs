//! An opened target.

use bulkhead_model::{OrganizationId, Result, TargetId};
use bulkhead_runtime::{Bucket, Runtime, StorageConfig};

use crate::config::TargetConfig;

/// A target and the bucket behind it.
#[derive(Clone)]
pub(crate) struct Target {
    pub id: TargetId,
    pub default: bool,
    /// Only for this organization; `None` for all.
    pub organization: Option<OrganizationId>,
    pub bucket: Bucket,
}

impl Target {
    /// Opens the target through its storage plugin, which checks the configuration.
    pub async fn open(runtime: &Runtime, config: &TargetConfig) -> Result<Self> {
        let plugin = runtime.storage(&config.plugin)?;
        let storage = StorageConfig { config: config.config.clone(), credentials: None };
        let bucket =
            plugin.open(storage).await.map_err(|failure| failure.context(format!("target `{}`", config.id)))?;
        Ok(Self { id: config.id.clone(), default: config.default, organization: config.organization.clone(), bucket })
    }
}
