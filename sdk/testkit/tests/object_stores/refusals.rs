//! What a service refuses is told in words that help, and none of them secret.

use bulkhead_model::Failure;
use bulkhead_runtime::{ByteSource, StorageConfig, StoragePlugin};
use bulkhead_test_support::bucket::{Azurite, BUCKET, BucketServer, Gcs, S3, TargetEntry};
use serde_json::{Value, json};

use crate::bucket::plugin;

/// What a listing and a put with these credentials fail with.
async fn failures(plugin: &StoragePlugin, entry: &TargetEntry) -> Vec<Failure> {
    let credentials = entry.credentials.to_string();
    let config = StorageConfig { config: entry.config.clone(), credentials: Some(credentials), operator: true };
    let bucket = plugin.open(config).await.expect("a target opens without asking the service");
    let listed = bucket.list("", None, 1).await.map(drop);
    let put = bucket.put("refused", ByteSource::from_bytes(b"x".to_vec()).unwrap(), false).await.map(drop);
    [listed, put].into_iter().filter_map(Result::err).collect()
}

/// Asserts that both fail as they should, and that no message repeats a credential.
async fn refused(plugin: &StoragePlugin, entry: &TargetEntry, kind: &str, words: &[&str]) {
    let failures = failures(plugin, entry).await;
    assert_eq!(failures.len(), 2, "{kind} {words:?}: both are refused");
    for failure in failures {
        let told = format!("{failure} {}", failure.hint.clone().unwrap_or_default());
        assert_eq!(failure.kind.code(), kind, "{told}");
        assert!(!failure.retry, "it does not pass: {told}");
        assert!(words.iter().all(|word| told.contains(word)), "{words:?} in: {told}");
        for value in entry.credentials.as_object().unwrap().values().filter_map(Value::as_str) {
            // Names are no secrets.
            let secret = value.len() > 30 && !value.contains('@') && !value.starts_with("https://");
            assert!(!secret || !told.contains(value), "a credential is repeated: {told}");
        }
    }
}

fn with(entry: TargetEntry, field: &str, value: &str) -> TargetEntry {
    let mut entry = entry;
    entry.credentials[field] = json!(value);
    entry
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3() {
    let (plugin, server) = (plugin("s3").await, S3::start().unwrap());
    let wrong = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    let entry = server.target("p");
    refused(&plugin, &with(entry.clone(), "secret_access_key", wrong), "denied", &["the secret access key is wrong"])
        .await;
    let unknown = with(entry.clone(), "access_key_id", "AK000000000000000000");
    refused(&plugin, &unknown, "denied", &["the service does not know the access key"]).await;
    refused(
        &plugin,
        &entry.clone().option("bucket", "nowhere"),
        "invalid",
        &["there is no bucket `nowhere`", "`bucket`"],
    )
    .await;
    let (ours, ..) = server.server().keys();
    let elsewhere = format!("the bucket is in region {ours}, not in eu-west-1");
    refused(&plugin, &entry.clone().option("region", "eu-west-1"), "invalid", &[elsewhere.as_str()]).await;

    let powerless = TargetEntry { credentials: server.server().powerless(), ..entry.clone() };
    refused(&plugin, &powerless, "denied", &["the service answers AccessDenied", "allow s3:", BUCKET]).await;
    let reader = TargetEntry { credentials: server.server().reader(), ..entry };
    let failures = failures(&plugin, &reader).await;
    assert_eq!(failures.len(), 1, "it may list and not write: {failures:?}");
    let told = format!("{} {}", failures[0], failures[0].hint.clone().unwrap_or_default());
    assert!(failures[0].kind.code() == "denied" && told.contains("s3:PutObject"), "{told}");
    assert!(told.contains(BUCKET), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_bucket_is_said_to_be_full() {
    let (plugin, server) = (plugin("s3").await, S3::start().unwrap());
    server.fill_at(1 << 20);
    let config = StorageConfig {
        config: server.target("p").config,
        credentials: Some(server.target("p").credentials.to_string()),
        operator: true,
    };
    let bucket = plugin.open(config).await.unwrap();
    let failure = bucket.put("big", ByteSource::from_bytes(vec![1; 2 << 20]).unwrap(), false).await.unwrap_err();
    assert_eq!(failure.kind.code(), "unavailable", "{failure}");
    assert!(failure.hint.as_deref().unwrap_or_default().contains("quota"), "{failure}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gcs() {
    let (plugin, server, other) = (plugin("gcs").await, Gcs::start().unwrap(), Gcs::start().unwrap());
    let mut stranger = server.target("p");
    stranger.credentials = other.service_account();
    refused(&plugin, &stranger, "denied", &["cannot sign in", "key"]).await;
    refused(&plugin, &server.target("p").option("bucket", "nowhere"), "invalid", &["there is no bucket `nowhere`"])
        .await;
    let failures = failures(&plugin, &server.target("p").option("storage_class", "PAPER")).await;
    assert!(failures.len() == 1 && failures[0].kind.code() == "invalid", "{failures:?}");
    assert!(failures[0].hint.as_deref().unwrap_or_default().contains("NEARLINE"), "{failures:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn azure() {
    let (plugin, server) = (plugin("azure").await, Azurite::start().unwrap());
    let key = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5ejAxMjM0NTY3ODk=";
    refused(&plugin, &with(server.target("p"), "account_key", key), "denied", &["does not take the key"]).await;
    refused(
        &plugin,
        &server.target("p").option("container", "nowhere"),
        "invalid",
        &["there is no container `nowhere`"],
    )
    .await;

    let signed = |sas: String| TargetEntry { credentials: json!({ "sas_token": sas }), ..server.target("p") };
    assert!(failures(&plugin, &signed(server.sas("rwdl", 600))).await.is_empty(), "a signature works as well");
    let forged = server.sas("rwdl", 600).replace("sp=rwdl", "sp=rwdlac");
    refused(&plugin, &signed(forged), "denied", &[]).await;
}
