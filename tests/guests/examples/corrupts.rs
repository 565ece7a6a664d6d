//! Flips a bit in the middle of whatever it gives back.

use bulkhead_guests::Files;
use bulkhead_plugin_sdk::storage::*;

struct Guest;

impl StoragePlugin for Guest {
    type Bucket = Self;

    fn describe() -> Description {
        Files::describe("corrupts")
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
        let mut bytes = Files::read(key)?;
        let middle = bytes.len() / 2;
        if let Some(byte) = bytes.get_mut(middle) {
            *byte ^= 1;
        }
        Files::part(&bytes, range)
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
