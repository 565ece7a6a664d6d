//! The suite for storage plugins, against each kind of object store.

use bulkhead_runtime::StoragePlugin;
use bulkhead_test_support::bucket::{BucketServer, Garage, Gcs, S3s};
use bulkhead_testkit::{storage_conditions, storage_conformance, storage_conformance_without_conditions};

use crate::bucket::{Opened, plugin};

async fn keeps_the_contract(plugin: &StoragePlugin, server: &impl BucketServer) {
    storage_conformance(|| Opened::empty(plugin, server)).await;
    assert_eq!(server.unfinished().unwrap(), [""; 0], "no upload is left unfinished");
}

/// Two servers, as neither can do everything: Garage has no conditional writes, s3s-fs cannot keep `a` beside `a/b`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3() {
    let plugin = plugin("s3").await;
    let (garage, s3s) = (Garage::start().unwrap(), S3s::start().unwrap());
    storage_conformance_without_conditions(|| Opened::empty(&plugin, &garage)).await;
    storage_conditions(|| Opened::empty(&plugin, &s3s)).await;
    assert_eq!(garage.unfinished().unwrap(), [""; 0], "no upload is left unfinished");
    assert_eq!(s3s.unfinished().unwrap(), [""; 0], "no upload is left unfinished");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gcs() {
    keeps_the_contract(&plugin("gcs").await, &Gcs::start().unwrap()).await;
}
