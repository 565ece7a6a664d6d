//! The suite for storage plugins, against each kind of object store.

use bulkhead_runtime::{ByteSource, StoragePlugin};
use bulkhead_test_support::bucket::{Azurite, BucketServer, Fault, FaultProxy, Garage, Gcs, Kind, S3s};
use bulkhead_testkit::{storage_conformance, storage_conformance_without_conditions};

use crate::bucket::{Opened, open, pattern, plugin};

async fn keeps_the_contract(plugin: &StoragePlugin, server: &impl BucketServer) {
    storage_conformance(|| Opened::empty(plugin, server)).await;
    assert_eq!(server.unfinished().unwrap(), [""; 0], "no upload is left unfinished");
}

/// Garage has no conditional writes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3() {
    let (plugin, server) = (plugin("s3").await, Garage::start().unwrap());
    storage_conformance_without_conditions(|| Opened::empty(&plugin, &server)).await;
    assert_eq!(server.unfinished().unwrap(), [""; 0], "no upload is left unfinished");
}

/// s3s-fs has them, one request at a time: the plugin's own look at what is there is made to miss the object, so that it is the service
/// who refuses.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3_of_a_service_with_conditions() {
    let (plugin, server) = (plugin("s3").await, S3s::start().unwrap());
    let proxy = FaultProxy::start(server.address()).unwrap();
    let bucket = open(&plugin, server.target("c").through(proxy.address()).option("part_size_mib", 5)).await;
    for bytes in [pattern(10), pattern((5 << 20) + 1)] {
        server.write("c/object", b"first").unwrap();
        proxy.clear();
        proxy.inject(&[Kind::Head], 0, 1, Fault::Status(404, None));
        let failure = bucket.put("object", ByteSource::from_bytes(bytes).unwrap(), true).await.unwrap_err();
        assert_eq!((failure.kind.code(), proxy.broken()), ("conflict", 1), "{failure}");
        assert_eq!(server.read("c/object").unwrap(), b"first", "a refused put leaves the object as it was");
    }
    assert_eq!(server.unfinished().unwrap(), [""; 0], "no upload is left unfinished");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gcs() {
    keeps_the_contract(&plugin("gcs").await, &Gcs::start().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn azure() {
    keeps_the_contract(&plugin("azure").await, &Azurite::start().unwrap()).await;
}
