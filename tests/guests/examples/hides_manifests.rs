//! Leaves manifests out of what it lists.

use bulkhead_guests::Files;
use bulkhead_plugin_sdk::storage::*;

struct Guest;

impl StoragePlugin for Guest {
    type Bucket = Self;

    fn describe() -> Description {
        Files::describe("hides-manifests")
    }

    async fn open(_config: &str, _credentials: Option<String>) -> Result<Self> {
        Ok(Self)
    }
}

impl Bucket for Guest {
    async fn put(&self, key: &str, data: Source, options: PutOptions) -> Result<u64> {
        Files.put(key, data, options).await
    }

    async fn get(&self, key: &str, range: Option<ByteRange>) -> Result<Source> {
        Files.get(key, range).await
    }

    async fn head(&self, key: &str) -> Result<Option<Entry>> {
        Files.head(key).await
    }

    async fn list(&self, prefix: &str, after: Option<&str>, limit: u32) -> Result<Page> {
        let mut page = Files.list(prefix, after, limit).await?;
        page.entries.retain(|entry| !entry.key.ends_with("/manifest.json"));
        Ok(page)
    }

    async fn delete(&self, key: &str) -> Result<()> {
        Files.delete(key).await
    }
}

register_storage!(Guest);
