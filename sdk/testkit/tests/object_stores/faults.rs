//! Faults between a component and its service: what passes is tried again, what lasts is said, and nothing is ever claimed that is not so.

use std::time::Duration;

use bulkhead_runtime::{ByteSource, StoragePlugin};
use bulkhead_test_support::bucket::{Azurite, BucketServer, Fault, FaultProxy, Gcs, Kind, SeaweedFs};
use futures::future::join_all;

use crate::bucket::{open, pattern, plugin, read};

/// Three parts.
const BYTES: usize = (10 << 20) + 77;
/// The most tries of one request.
const TRIES: usize = 6;

fn source(bytes: &[u8]) -> ByteSource {
    ByteSource::from_bytes(bytes.to_vec()).unwrap()
}

fn lost() -> [Fault; 6] {
    [
        Fault::Delay(Duration::from_millis(200)),
        Fault::LoseAnswer,
        Fault::CutRequest,
        Fault::Status(500, None),
        Fault::Status(429, Some(1)),
        Fault::Status(503, None),
    ]
}

/// Each fault once, at each kind of request of an upload.
async fn uploads_survive(plugin: &StoragePlugin, server: &impl BucketServer) {
    let proxy = FaultProxy::start(server.address()).unwrap();
    let entry = server.target("faults").through(proxy.address()).option("part_size_mib", 5);
    let bucket = open(plugin, entry).await;
    let (small, large) = (pattern(1000), pattern(BYTES));
    let of_azure = plugin.info().name == "azure";
    let mut cases = Vec::new();
    for kind in [Kind::Put, Kind::Begin, Kind::Part, Kind::Complete] {
        cases.extend(lost().map(|fault| (kind, fault)));
    }
    cases.extend([Kind::Put, Kind::Part].map(|kind| (kind, Fault::CorruptRequest)));
    cases.push((Kind::Complete, Fault::EndChunks));
    cases.push((Kind::Complete, Fault::LateError));
    for (number, (kind, fault)) in cases.into_iter().enumerate() {
        if of_azure && (kind == Kind::Begin || fault == Fault::LateError) {
            continue;
        }
        proxy.clear();
        proxy.inject(&[kind], usize::from(kind == Kind::Part), 1, fault.clone());
        let bytes = if kind == Kind::Put { &small } else { &large };
        let key = format!("{number}");
        let kept = bucket.put(&key, source(bytes), true).await;
        let case = format!("{kind:?} {fault:?}");
        assert_eq!(kept.unwrap_or_else(|failure| panic!("{case}: {failure}")), bytes.len() as u64, "{case}");
        assert_eq!(proxy.broken(), 1, "{case}: the fault befell somebody");
        assert!(server.read(&format!("faults/{key}")).unwrap() == *bytes, "{case}: what is kept is what was sent");
    }
    proxy.clear();
    let left = server.unfinished().unwrap();
    assert!(left.is_empty(), "{left:?}");
}

/// Each fault once, at each kind of question.
async fn questions_survive(plugin: &StoragePlugin, server: &impl BucketServer) {
    let proxy = FaultProxy::start(server.address()).unwrap();
    let entry = server.target("asked").through(proxy.address()).option("part_size_mib", 5);
    let bucket = open(plugin, entry).await;
    let bytes = pattern(BYTES);
    server.write("asked/object", &bytes).unwrap();
    let faults = [
        Fault::LoseAnswer,
        Fault::CutAnswer,
        Fault::EndChunks,
        Fault::ShortAnswer,
        Fault::Status(500, None),
        Fault::Status(503, Some(1)),
    ];
    for fault in faults {
        for skip in [0, 1] {
            proxy.clear();
            proxy.inject(&[Kind::Get], skip, 1, fault.clone());
            assert!(read(&bucket, "object", None).await == bytes, "a get with its part {skip} after {fault:?}");
            assert_eq!(proxy.broken(), 1);
        }
        if fault == Fault::ShortAnswer {
            // A head or a page that is whole in itself is what the service said.
            continue;
        }
        proxy.clear();
        proxy.inject(&[Kind::Head, Kind::List, Kind::Delete], 0, 1, fault.clone());
        assert_eq!(bucket.head("object").await.unwrap().unwrap().bytes, BYTES as u64, "a head after {fault:?}");
        proxy.inject(&[Kind::List], 0, 1, fault.clone());
        assert_eq!(bucket.list("", None, 10).await.unwrap().entries.len(), 1, "a list after {fault:?}");
        server.write("asked/gone", b"x").unwrap();
        proxy.inject(&[Kind::Delete], 0, 1, fault.clone());
        bucket.delete("gone").await.unwrap_or_else(|failure| panic!("a deletion after {fault:?}: {failure}"));
        assert!(server.read("asked/gone").is_err(), "a deletion after {fault:?}");
    }
}

/// A service that is down for good: each call ends, after so many tries, with a failure that says to try later.
async fn lasting_faults_end(plugin: &StoragePlugin, server: &impl BucketServer) {
    let bytes = pattern(BYTES);
    server.write("down/object", &bytes).unwrap();
    let kinds = [Kind::Put, Kind::Begin, Kind::Part, Kind::Complete, Kind::Get, Kind::Head, Kind::List, Kind::Delete];
    let of_azure = plugin.info().name == "azure";
    join_all(kinds.into_iter().filter(|kind| !of_azure || *kind != Kind::Begin).map(async |kind| {
        let proxy = FaultProxy::start(server.address()).unwrap();
        proxy.inject(&[kind], 0, usize::MAX, Fault::Status(503, None));
        let entry = server.target("down").through(proxy.address()).option("part_size_mib", 5).option("parallel", 1);
        let bucket = open(plugin, entry).await;
        let key = format!("{kind:?}");
        let failure = match kind {
            Kind::Put => bucket.put(&key, source(b"small"), false).await.unwrap_err(),
            Kind::Begin | Kind::Part | Kind::Complete => bucket.put(&key, source(&bytes), false).await.unwrap_err(),
            Kind::Get => bucket.get("object", None).await.map(drop).unwrap_err(),
            Kind::Head => bucket.head("object").await.map(drop).unwrap_err(),
            Kind::List => bucket.list("", None, 10).await.map(drop).unwrap_err(),
            _ => bucket.delete("object").await.unwrap_err(),
        };
        assert_eq!((failure.kind.code(), failure.retry), ("unavailable", true), "{kind:?}: {failure}");
        assert!((2..=TRIES).contains(&proxy.count(kind)), "{kind:?} was tried {} times", proxy.count(kind));
        assert!(server.read(&format!("down/{key}")).is_err(), "{kind:?}: nothing is kept");
    }))
    .await;
    assert!(server.read("down/object").unwrap() == bytes, "what is there stays as it is");
    let left = server.unfinished().unwrap();
    assert!(left.is_empty() || of_azure, "{left:?}");
}

/// An object that is replaced while it is read is no mixture of both.
async fn replaced_objects_do_not_mix(plugin: &StoragePlugin, server: &impl BucketServer) {
    let proxy = FaultProxy::start(server.address()).unwrap();
    proxy.inject(&[Kind::Get], 1, 1, Fault::Delay(Duration::from_secs(2)));
    let entry = server.target("mix").through(proxy.address()).option("part_size_mib", 5).option("parallel", 1);
    let bucket = open(plugin, entry).await;
    server.write("mix/object", &vec![1; BYTES]).unwrap();
    let opened = bucket.get("object", None).await.unwrap();
    server.write("mix/object", &vec![2; BYTES]).unwrap();
    let failure = opened.read_all(256 << 20).await.map(drop).unwrap_err();
    assert_eq!(failure.kind.code(), "corrupt", "{failure}");
}

async fn everything(plugin: &StoragePlugin, server: &impl BucketServer) {
    uploads_survive(plugin, server).await;
    questions_survive(plugin, server).await;
    lasting_faults_end(plugin, server).await;
    replaced_objects_do_not_mix(plugin, server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3() {
    everything(&plugin("s3").await, &SeaweedFs::start().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gcs() {
    everything(&plugin("gcs").await, &Gcs::start().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn azure() {
    everything(&plugin("azure").await, &Azurite::start().unwrap()).await;
}

/// A token that is withdrawn is replaced.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_are_taken_again() {
    let (plugin, server) = (plugin("gcs").await, Gcs::start().unwrap());
    let proxy = FaultProxy::start(server.address()).unwrap();
    let bucket = open(&plugin, server.target("t").through(proxy.address()).option("part_size_mib", 5)).await;
    proxy.inject(&[Kind::Part], 1, 1, Fault::Status(401, None));
    proxy.inject(&[Kind::Token], 0, 1, Fault::Status(503, None));
    bucket.put("object", source(&pattern(BYTES)), false).await.unwrap();
    assert!(server.tokens_given() >= 2, "one for the beginning, one after the refusal");
}
