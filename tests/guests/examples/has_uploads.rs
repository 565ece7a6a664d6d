//! Has uploads that were never completed: files with the suffix `#upload`, which hold when they were begun, in microseconds.

use bulkhead_guests::Files;
use bulkhead_plugin_sdk::storage::*;

const SUFFIX: &str = "#upload";

struct Guest;

impl StoragePlugin for Guest {
    type Bucket = Self;

    fn describe() -> Description {
        Files::describe("has-uploads")
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
        Files.list(prefix, after, limit).await
    }

    async fn unfinished(&self, prefix: &str, after: Option<&Upload>) -> Result<Vec<Upload>> {
        let mut uploads = Vec::new();
        for file in std::fs::read_dir("/root")? {
            let file = file?;
            let name = file.file_name().to_string_lossy().replace(',', "/");
            let Some(key) = name.strip_suffix(SUFFIX).filter(|key| key.starts_with(prefix)) else { continue };
            let begun_us = std::fs::read_to_string(file.path())?.trim().parse().unwrap_or(0);
            uploads.push(Upload { key: key.to_owned(), id: "1".to_owned(), begun_us });
        }
        uploads.sort_by(|a, b| a.key.cmp(&b.key));
        uploads.retain(|upload| after.is_none_or(|after| upload.key > after.key));
        // Few at a time.
        uploads.truncate(2);
        Ok(uploads)
    }

    async fn abandon(&self, upload: &Upload) -> Result<()> {
        Ok(std::fs::remove_file(format!("/root/{}{SUFFIX}", upload.key.replace('/', ",")))?)
    }

    async fn delete(&self, key: &str) -> Result<()> {
        Files.delete(key).await
    }
}

register_storage!(Guest);
