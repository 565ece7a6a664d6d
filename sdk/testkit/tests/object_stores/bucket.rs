//! A plugin opened on an object store.

use std::sync::atomic::{AtomicUsize, Ordering};

use bulkhead_runtime::{Bucket, ByteRange, StorageConfig, StoragePlugin};
use bulkhead_test_support::bucket::{BucketServer, TargetEntry};
use bulkhead_test_support::workspace;
use bulkhead_testkit::{Target, storage_plugin};

/// Loads a first-party plugin.
pub async fn plugin(name: &str) -> StoragePlugin {
    storage_plugin(workspace::plugin(name)).await
}

/// Opens a target as the operator would: he trusts the address.
pub async fn open(plugin: &StoragePlugin, entry: TargetEntry) -> Bucket {
    let credentials = entry.credentials.to_string();
    plugin.validate(&entry.config, Some(&credentials)).await.expect("the plugin takes configuration and credentials");
    let config = StorageConfig { config: entry.config, credentials: Some(credentials), operator: true };
    plugin.open(config).await.expect("the target opens")
}

/// Bytes that differ by position.
pub fn pattern(length: usize) -> Vec<u8> {
    (0..length as u64).map(|at| (at ^ (at >> 8) ^ (at >> 16)) as u8).collect()
}

/// Reads an object, or a part of it.
pub async fn read(bucket: &Bucket, key: &str, range: Option<ByteRange>) -> Vec<u8> {
    bucket.get(key, range).await.unwrap().read_all(256 << 20).await.unwrap()
}

/// A target below a prefix that nothing else uses.
pub struct Opened(pub Bucket);

impl Opened {
    pub async fn empty(plugin: &StoragePlugin, server: &impl BucketServer) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let prefix = format!("t/{}", NEXT.fetch_add(1, Ordering::Relaxed));
        Self(open(plugin, server.target(&prefix)).await)
    }
}

impl Target for Opened {
    fn bucket(&self) -> &Bucket {
        &self.0
    }
}
