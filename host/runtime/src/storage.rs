//! Storage plugins: places to keep artifacts in.

use bulkhead_model::{Failure, Result, Timestamp};

use crate::ByteSource;
use crate::runtime::PluginInfo;

/// How to open a target.
#[derive(Clone, Default)]
pub struct StorageConfig {
    /// The target's configuration. Host directories named by `directory:<key>` grants are taken from its keys.
    pub config: serde_json::Value,
    /// What the target's secret holds.
    pub credentials: Option<String>,
}

/// A part of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteRange {
    /// First byte.
    pub offset: u64,
    /// Number of bytes; `None` reads to the end.
    pub length: Option<u64>,
}

/// An object in a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its key.
    pub key: String,
    /// Its size.
    pub bytes: u64,
    /// When it was last written.
    pub modified: Timestamp,
}

/// A part of a listing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// In ascending order of the key's bytes.
    pub entries: Vec<Entry>,
    /// Pass as `after` for the next page; `None` on the last.
    pub next: Option<String>,
}

/// A loaded storage plugin.
#[derive(Clone, Debug)]
pub struct StoragePlugin {
    info: PluginInfo,
}

impl StoragePlugin {
    /// What the plugin says of itself.
    pub fn info(&self) -> &PluginInfo {
        &self.info
    }

    /// Lets the plugin check a configuration.
    ///
    /// # Errors
    /// The plugin's own, or that it trapped or used more than it may.
    pub async fn validate(&self, _config: &serde_json::Value) -> Result<()> {
        Err(Failure::internal("not implemented"))
    }

    /// Opens a target.
    ///
    /// # Errors
    /// The plugin's own; `denied` when a directory is not granted; `unavailable` when it cannot be made.
    pub async fn open(&self, _config: StorageConfig) -> Result<Bucket> {
        Err(Failure::internal("not implemented"))
    }
}

/// An opened target. Each operation runs in a fresh sandbox; dropping its future ends it.
#[derive(Clone)]
pub struct Bucket {
    _plugin: StoragePlugin,
}

impl Bucket {
    /// Keeps an object: all of it, durably, or nothing. Returns the bytes kept, which are as many as the source sent.
    ///
    /// # Errors
    /// `conflict` when `if_absent` and the key exists; the source's own failure; the plugin's.
    pub async fn put(&self, _key: &str, _data: ByteSource, _if_absent: bool) -> Result<u64> {
        Err(Failure::internal("not implemented"))
    }

    /// Opens an object. The bytes flow while the returned source is read; dropping it ends the sandbox.
    ///
    /// # Errors
    /// `not-found`; `invalid` for a range past the end; the plugin's own. A failure while reading comes in `done`.
    pub async fn get(&self, _key: &str, _range: Option<ByteRange>) -> Result<ByteSource> {
        Err(Failure::internal("not implemented"))
    }

    /// What is known of an object; `None` when there is none.
    ///
    /// # Errors
    /// The plugin's own.
    pub async fn head(&self, _key: &str) -> Result<Option<Entry>> {
        Err(Failure::internal("not implemented"))
    }

    /// Entries whose key starts with `prefix`, after the key `after`, at most `limit` (1 to 1000).
    ///
    /// # Errors
    /// The plugin's own.
    pub async fn list(&self, _prefix: &str, _after: Option<&str>, _limit: u32) -> Result<Page> {
        Err(Failure::internal("not implemented"))
    }

    /// Deletes an object; one that is not there is no error.
    ///
    /// # Errors
    /// The plugin's own.
    pub async fn delete(&self, _key: &str) -> Result<()> {
        Err(Failure::internal("not implemented"))
    }
}
