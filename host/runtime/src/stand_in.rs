//! Plugins that are played by the program itself: for tests that run what is around them thousands of times, and decide what each call
//! comes to. There is no sandbox, no grant and no limit between them and the host.

use std::sync::Arc;

use async_trait::async_trait;
use bulkhead_model::{Report, Result};

use crate::ByteSource;
use crate::attempt::Attempt;
use crate::method::BackupRequest;
use crate::runtime::PluginInfo;
use crate::storage::{ByteRange, Entry, Page, StorageConfig, Upload};

/// Plays a method plugin that makes backups.
#[async_trait]
pub trait MethodStandIn: Send + Sync {
    /// As `MethodPlugin::backup`.
    async fn backup(&self, attempt: Attempt, request: BackupRequest) -> Result<Report>;
}

/// Plays a storage plugin.
pub trait StorageStandIn: Send + Sync {
    /// As `StoragePlugin::open`.
    ///
    /// # Errors
    /// Whatever the test wants.
    fn open(&self, config: &StorageConfig) -> Result<Arc<dyn BucketStandIn>>;
}

/// Plays an opened target. Each method as that of `Bucket`.
#[async_trait]
pub trait BucketStandIn: Send + Sync {
    /// Keeps an object.
    async fn put(&self, key: &str, data: ByteSource, if_absent: bool) -> Result<u64>;
    /// Opens an object.
    async fn get(&self, key: &str, range: Option<ByteRange>) -> Result<ByteSource>;
    /// What is known of an object.
    async fn head(&self, key: &str) -> Result<Option<Entry>>;
    /// A part of the listing.
    async fn list(&self, prefix: &str, after: Option<&str>, limit: u32) -> Result<Page>;
    /// Deletes an object.
    async fn delete(&self, key: &str) -> Result<()>;
    /// Uploads that were never completed.
    async fn unfinished(&self, prefix: &str, after: Option<&Upload>) -> Result<Vec<Upload>>;
    /// Ends one of them.
    async fn abandon(&self, upload: &Upload) -> Result<()>;
}

/// All that a runtime of stand-ins has.
#[derive(Default)]
pub struct StandIns {
    /// Its method plugins.
    pub methods: Vec<(PluginInfo, Arc<dyn MethodStandIn>)>,
    /// Its storage plugins.
    pub storages: Vec<(PluginInfo, Arc<dyn StorageStandIn>)>,
}
