//! A plugin opened on an object store.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use bulkhead_runtime::{Bucket, ByteRange, StorageConfig, StoragePlugin};
use bulkhead_test_support::bucket::{BucketServer, TargetEntry};
use bulkhead_testkit::{Target, storage_plugin};

/// Builds and loads a first-party plugin.
pub async fn plugin(name: &str) -> StoragePlugin {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let package = format!("plugin-{name}");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(&root).args([
        "build",
        "--quiet",
        "--target",
        "wasm32-wasip2",
        "--profile",
        "plugin",
        "-p",
        &package,
    ]);
    assert!(cargo.status().unwrap().success(), "{package} does not build");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    storage_plugin(target.join("wasm32-wasip2/plugin").join(format!("{}.wasm", package.replace('-', "_")))).await
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
