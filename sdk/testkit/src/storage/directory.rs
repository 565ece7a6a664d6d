//! Targets of plugins that keep objects in a directory named by `root`.

use bulkhead_runtime::{Bucket, StorageConfig, StoragePlugin};
use tempfile::TempDir;

use super::Target;

/// A new, empty temporary directory, opened as a target with the configuration `{"root": "..."}`.
pub struct Directory {
    bucket: Bucket,
    place: TempDir,
}

impl Directory {
    /// Opens one. Panics when the plugin refuses.
    pub async fn open(plugin: &StoragePlugin) -> Self {
        let place = tempfile::tempdir().expect("a temporary directory can be made");
        let config = serde_json::json!({ "root": place.path().join("root") });
        plugin.validate(&config, None).await.expect("the plugin takes the configuration");
        let config = StorageConfig { config, credentials: None, operator: true };
        Self { bucket: plugin.open(config).await.expect("the target opens"), place }
    }

    /// The directory.
    pub fn root(&self) -> std::path::PathBuf {
        self.place.path().join("root")
    }
}

impl Target for Directory {
    fn bucket(&self) -> &Bucket {
        &self.bucket
    }
}
