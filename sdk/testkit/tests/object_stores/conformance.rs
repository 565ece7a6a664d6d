//! The suite for storage plugins, against each kind of object store.

use bulkhead_runtime::{ByteSource, StoragePlugin};
use bulkhead_test_support::bucket::{Azurite, BucketServer, Fault, FaultProxy, Gcs, Kind, S3, SeaweedFs};
use bulkhead_testkit::{storage_conformance, storage_conformance_without_conditions};

use futures::future::join_all;

use crate::bucket::{Opened, open, pattern, plugin};

async fn keeps_the_contract(plugin: &StoragePlugin, server: &impl BucketServer) {
    storage_conformance(|| Opened::empty(plugin, server)).await;
    assert_eq!(server.unfinished().unwrap(), [""; 0], "no upload is left unfinished");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3() {
    keeps_the_contract(&plugin("s3").await, &S3::start().unwrap()).await;
}

/// Here the plugin's own look at what is there is all that refuses.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3_of_a_service_without_conditions() {
    let (plugin, server) = (plugin("s3").await, S3::without_conditions().unwrap());
    storage_conformance_without_conditions(|| Opened::empty(&plugin, &server)).await;
    assert_eq!(server.unfinished().unwrap(), [""; 0], "no upload is left unfinished");
}

/// Here that look is made to miss the object, so that it is the service who refuses.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3_of_a_service_with_conditions() {
    let (plugin, server) = (plugin("s3").await, SeaweedFs::start().unwrap());
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

/// Of large objects that want the same absent key one alone is kept, whoever looked before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3_uploads_in_parts_race_for_an_absent_key() {
    let (plugin, server) = (plugin("s3").await, S3::start().unwrap());
    let proxy = FaultProxy::start(server.address()).unwrap();
    proxy.inject(&[Kind::Head], 0, 4, Fault::Status(404, None));
    let bucket = open(&plugin, server.target("race").through(proxy.address()).option("part_size_mib", 5)).await;
    let bytes: Vec<_> = (1..=4).map(|writer| vec![writer; (5 << 20) + usize::from(writer)]).collect();
    let puts = bytes.iter().map(|bytes| bucket.put("key", ByteSource::from_bytes(bytes.clone()).unwrap(), true));
    let outcomes = join_all(puts).await;
    let kept: Vec<_> = bytes.iter().zip(&outcomes).filter(|(_, outcome)| outcome.is_ok()).collect();
    assert_eq!(kept.len(), 1, "{outcomes:?}");
    assert!(server.read("race/key").unwrap() == *kept[0].0, "the object is the winner's");
    assert!(
        outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).all(|failure| failure.kind.code() == "conflict")
    );
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
