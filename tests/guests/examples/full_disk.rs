//! Has room for objects of up to 1 MiB.

use bulkhead_guests::Files;
use bulkhead_plugin_sdk::storage::*;

const ROOM: usize = 1 << 20;

struct Guest;

impl StoragePlugin for Guest {
    type Bucket = Self;

    fn describe() -> Description {
        Files::describe("full-disk")
    }

    async fn open(_config: &str, _credentials: Option<String>) -> Result<Self> {
        Ok(Self)
    }
}

impl Bucket for Guest {
    async fn put(&self, key: &str, data: Source, options: PutOptions) -> Result<u64> {
        let mut chunks = data.chunks(64 << 10);
        let mut bytes = Vec::new();
        while let Some(chunk) = chunks.next().await {
            bytes.extend_from_slice(chunk);
            if bytes.len() > ROOM {
                return Err(Failure::unavailable("no space left in the target"));
            }
        }
        chunks.finish().await?;
        Files::keep(key, &bytes, options)
    }

    async fn get(&self, key: &str, range: Option<ByteRange>) -> Result<Source> {
        Files.get(key, range).await
    }

    async fn head(&self, key: &str) -> Result<Option<Entry>> {
        Files.head(key).await
    }

    async fn list(&self, prefix: &str, after: Option<&str>, limit: u32) -> Result<Page> {
        Files.list(prefix, after, limit).await
    }

    async fn delete(&self, key: &str) -> Result<()> {
        Files.delete(key).await
    }
}

register_storage!(Guest);
