//! The file in its bucket.

use async_trait::async_trait;
use bulkhead_model::{BackupId, Failure, Result};
use bulkhead_runtime::{ArtifactReader, Bucket, ByteSource, Entry};

use crate::pipeline::foreign::{Examined, Reading};
use crate::verb::artifacts::RestoreReader;

/// Names that are shown when there is no such file.
const SHOWN: usize = 5;
/// Names that are looked at for that.
const LOOKED_AT: u32 = 1000;

/// Finds the file by its key, with or without a slash before it.
///
/// # Errors
/// `not-found`, with names that are like it.
pub(super) async fn find(bucket: &Bucket, key: &str) -> Result<Entry> {
    let key = key.trim_start_matches('/');
    if let Some(entry) = bucket.head(key).await? {
        return Ok(entry);
    }
    let folder = key.rfind('/').map_or("", |end| key.get(..=end).unwrap_or_default());
    let near = bucket.list(folder, None, LOOKED_AT).await.map(|page| page.entries).unwrap_or_default();
    let missing = Failure::not_found("the bucket holds no such file").with_retry(false);
    if near.iter().any(|entry| entry.key.strip_prefix(key).is_some_and(|rest| rest.starts_with('/'))) {
        return Err(
            missing.with_hint("the key names a folder: pack it into one file, e.g. with `tar -cz`, and name that")
        );
    }
    let mut names: Vec<&str> = near.iter().map(|entry| entry.key.as_str()).collect();
    names.sort_by_key(|name| std::cmp::Reverse(name.bytes().zip(key.bytes()).take_while(|(a, b)| a == b).count()));
    let names: Vec<String> = names.iter().take(SHOWN).map(|name| format!("`{}`", name.escape_debug())).collect();
    Err(match names.is_empty() {
        true => missing.with_hint("`key` is the name of the file within `bucket`; there is nothing beside it"),
        false => missing.with_hint(format!("there is: {}", names.join(", "))),
    })
}

/// Gives a method the file as the object that it knows.
pub(super) struct FileReader {
    pub bucket: Bucket,
    pub key: String,
    /// The name that the object has for the method.
    pub object: String,
    pub reading: Reading,
    pub examined: Examined,
}

#[async_trait]
impl ArtifactReader for FileReader {
    async fn open(&self, _backup: &BackupId, name: &str) -> Result<ByteSource> {
        if name != self.object {
            return Err(Failure::not_found(format!("the file has no object `{name}`")));
        }
        let stored = self.bucket.get(&self.key, None).await?;
        self.reading.clone().decode(stored, self.examined.clone())
    }
}

#[async_trait]
impl RestoreReader for FileReader {
    /// It was read whole before; one that was replaced since fails whoever reads it.
    async fn find_damage(&self) -> Result<()> {
        Ok(())
    }
}
