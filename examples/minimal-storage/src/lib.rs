//! The smallest storage plugin: objects are files in the directory that the target's `root` names.
//!
//! It is small, not good: it holds objects in memory and does not wait for the disk. `plugins/storage/filesystem` does it well.

use std::fs;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use bulkhead_plugin_sdk::storage::*;

const SCHEMA: &str =
    r#"{"type":"object","properties":{"root":{"type":"string"}},"required":["root"],"additionalProperties":false}"#;
/// The largest object it keeps.
const LIMIT: u64 = 16 << 20;

struct Minimal;

impl StoragePlugin for Minimal {
    type Bucket = Self;

    fn describe() -> Description {
        Description::new("minimal-storage", env!("CARGO_PKG_VERSION"))
            .config_schema(SCHEMA)
            .grant("directory:root", "keeps objects as files in it")
    }

    async fn open(_config: &str, _credentials: Option<String>) -> Result<Self> {
        Ok(Self)
    }
}

impl Bucket for Minimal {
    async fn put(&self, key: &str, data: Source, options: PutOptions) -> Result<u64> {
        let bytes = data.read_all(LIMIT).await?;
        // Under its name a file is either absent or whole: it is written beside it, then linked or renamed in one step.
        let temporary = path(&format!("/{:x}", RandomState::new().build_hasher().finish()));
        let kept = fs::write(&temporary, &bytes).and_then(|()| match options.if_absent {
            true => fs::hard_link(&temporary, path(key)),
            false => fs::rename(&temporary, path(key)),
        });
        let _renamed = fs::remove_file(&temporary);
        kept?;
        Ok(bytes.len() as u64)
    }

    async fn get(&self, key: &str, range: Option<ByteRange>) -> Result<Source> {
        let mut bytes = fs::read(path(key))?;
        if let Some(range) = range {
            let range = range.within(bytes.len() as u64)?;
            bytes = bytes[range.start as usize..range.end as usize].to_vec();
        }
        Ok(Source::from_bytes(bytes))
    }

    async fn head(&self, key: &str) -> Result<Option<Entry>> {
        match fs::metadata(path(key)) {
            Ok(metadata) => Ok(Some(entry(key, &metadata)?)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn list(&self, prefix: &str, after: Option<&str>, limit: u32) -> Result<Page> {
        let mut entries = Vec::new();
        for file in fs::read_dir("/root")? {
            let file = file?;
            let key = file.file_name().to_string_lossy().replace(',', "/");
            if !key.starts_with('/') && key.starts_with(prefix) && after.is_none_or(|after| key.as_str() > after) {
                entries.push(entry(&key, &file.metadata()?)?);
            }
        }
        entries.sort_by(|a, b| a.key.cmp(&b.key));
        let more = entries.len() > limit as usize;
        entries.truncate(limit as usize);
        let next = if more { entries.last().map(|entry| entry.key.clone()) } else { None };
        Ok(Page { entries, next })
    }

    async fn delete(&self, key: &str) -> Result<()> {
        match fs::remove_file(path(key)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }
}

/// Keys never hold a comma, so it can stand for the slash and all files lie side by side.
fn path(key: &str) -> PathBuf {
    Path::new("/root").join(key.replace('/', ","))
}

fn entry(key: &str, metadata: &fs::Metadata) -> Result<Entry> {
    let modified = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(Entry { key: key.to_owned(), bytes: metadata.len(), modified_us: modified.as_micros() as u64 })
}

register_storage!(Minimal);
