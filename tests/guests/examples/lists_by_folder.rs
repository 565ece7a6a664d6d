//! Lists folder by folder, as some servers do: what is in `a/` comes before `a-b`. A page has two entries.

use bulkhead_guests::Files;
use bulkhead_plugin_sdk::storage::*;

struct Guest;

impl StoragePlugin for Guest {
    type Bucket = Self;

    fn describe() -> Description {
        Files::describe("lists-by-folder")
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
        let mut entries = Files.list(prefix, None, limit).await?.entries;
        entries.sort_by(|a, b| a.key.split('/').cmp(b.key.split('/')));
        let behind = |entry: &Entry| after.is_none_or(|after| entry.key.split('/').gt(after.split('/')));
        entries.retain(behind);
        let more = entries.len() > 2;
        entries.truncate(2);
        let next = if more { entries.last().map(|entry| entry.key.clone()) } else { None };
        Ok(Page { entries, next })
    }

    async fn delete(&self, key: &str) -> Result<()> {
        Files.delete(key).await
    }
}

register_storage!(Guest);
