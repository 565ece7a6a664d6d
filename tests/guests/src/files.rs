//! What misbehaving storage guests do well, so that the one thing they do badly stands out.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use bulkhead_plugin_sdk::storage::{Bucket, ByteRange, Description, Entry, Failure, Page, PutOptions, Result, Source};

const SCHEMA: &str = r#"{"type":"object","properties":{"root":{"type":"string"}},"required":["root"]}"#;

/// Objects as files in the target's `root`, side by side.
pub struct Files;

impl Files {
    /// The description of a guest of that name.
    pub fn describe(name: &str) -> Description {
        Description::new(name, "0.1.0").config_schema(SCHEMA).grant("directory:root", "keeps objects in it")
    }

    /// Keeps an object whose bytes have arrived whole.
    pub fn keep(key: &str, bytes: &[u8], options: PutOptions) -> Result<u64> {
        if options.if_absent && path(key).exists() {
            return Err(Failure::conflict("the key exists"));
        }
        fs::write(path(key), bytes)?;
        Ok(bytes.len() as u64)
    }

    /// The bytes of an object.
    pub fn read(key: &str) -> Result<Vec<u8>> {
        Ok(fs::read(path(key))?)
    }

    /// A part of an object's bytes as a source.
    pub fn part(bytes: &[u8], range: Option<ByteRange>) -> Result<Source> {
        let range = range.map_or(Ok(0..bytes.len() as u64), |range| range.within(bytes.len() as u64))?;
        Ok(Source::from_bytes(&bytes[range.start as usize..range.end as usize]))
    }
}

impl Bucket for Files {
    async fn put(&self, key: &str, data: Source, options: PutOptions) -> Result<u64> {
        let bytes = data.read_all(32 << 20).await?;
        Self::keep(key, &bytes, options)
    }

    async fn get(&self, key: &str, range: Option<ByteRange>) -> Result<Source> {
        Self::part(&Self::read(key)?, range)
    }

    async fn head(&self, key: &str) -> Result<Option<Entry>> {
        match fs::metadata(path(key)) {
            Ok(metadata) => Ok(Some(Entry { key: key.to_owned(), bytes: metadata.len(), modified_us: 0 })),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn list(&self, prefix: &str, after: Option<&str>, limit: u32) -> Result<Page> {
        let mut entries = Vec::new();
        for file in fs::read_dir("/root")? {
            let file = file?;
            let key = file.file_name().to_string_lossy().replace(',', "/");
            if key.starts_with(prefix) && after.is_none_or(|after| key.as_str() > after) {
                entries.push(Entry { key, bytes: file.metadata()?.len(), modified_us: 0 });
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

fn path(key: &str) -> PathBuf {
    Path::new("/root").join(key.replace('/', ","))
}
