//! Takes the first bytes of an object and sleeps for ever.

use bulkhead_guests::Files;
use bulkhead_plugin_sdk::storage::*;

struct Guest;

impl StoragePlugin for Guest {
    type Bucket = Self;

    fn describe() -> Description {
        Files::describe("hangs-on-put")
    }

    async fn open(_config: &str, _credentials: Option<String>) -> Result<Self> {
        Ok(Self)
    }
}

impl Bucket for Guest {
    async fn put(&self, _key: &str, data: Source, _options: PutOptions) -> Result<u64> {
        let mut chunks = data.chunks(64 << 10);
        let _first = chunks.next().await;
        loop {
            std::thread::sleep(std::time::Duration::from_secs(3600));
        }
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
